"""The fault suite: deliveries under kills, lost answers, outages and broken networks, judged from the receiver's side."""
