"""The register of green factories (绿色工厂名单): its rules, its acceptance, which snapshot is in use, and its daily watch."""
