"""Invented names: companies, contacts, reports. No real company, person, phone or address is meant.

Mobile numbers begin with 164, which no operator has been given.
"""

from __future__ import annotations

import random

_FIRST = "砚沐曜澜霁岑珩朔翊澍芃熠璟泓岚珂皓湛昶骞骁翎芮祺"
_SECOND = "禾衡舟川野石原楷澄桐峤陌渡坪帆杉屿垣湾麓榆柘汀槐"
_SURNAMES = "赵钱孙李周吴郑王冯陈褚卫蒋沈韩杨朱秦尤许何吕施张孔曹严华金魏陶姜"
_GIVEN = "文博雅宁思远晓晨嘉禾子昂若溪明轩静怡志远清扬海宁云舒立言知行书航一鸣安然"
_FORMS = ("有限公司", "有限公司", "有限公司", "股份有限公司", "有限责任公司", "集团有限公司")
_CITY_TAILS = ("新区", "市", "地区", "盟", "区", "县", "州", "林区")

_BUSINESS = {
    "13": ("粮油", "农产品加工"),
    "14": ("食品", "乳业"),
    "15": ("酒业", "饮料"),
    "16": ("烟草",),
    "17": ("纺织", "印染"),
    "18": ("服饰",),
    "19": ("皮革", "鞋业"),
    "20": ("木业", "人造板"),
    "21": ("家具", "家居"),
    "22": ("纸业", "造纸"),
    "23": ("印务", "包装印刷"),
    "24": ("文体用品", "玩具"),
    "25": ("石化", "焦化"),
    "26": ("化工", "新材料", "化学"),
    "27": ("制药", "生物医药"),
    "28": ("化纤", "纤维"),
    "29": ("橡塑", "轮胎"),
    "30": ("水泥", "建材", "玻璃"),
    "31": ("钢铁", "特钢"),
    "32": ("有色金属", "铝业", "铜业"),
    "33": ("金属制品", "铸造"),
    "34": ("机械", "泵阀"),
    "35": ("装备", "专用设备"),
    "36": ("汽车零部件", "汽车"),
    "37": ("轨道装备", "船舶"),
    "38": ("电气", "新能源", "光伏"),
    "39": ("电子", "半导体"),
    "40": ("仪表", "测控"),
    "41": ("制造",),
    "42": ("再生资源", "循环科技"),
    "43": ("设备修造",),
    "44": ("能源",),
    "64": ("数据",),
    "65": ("信息技术",),
}


def short_city(name: str) -> str:
    """A city's name as companies bear it: 石家庄 of 石家庄市."""
    for tail in _CITY_TAILS:
        if name.endswith(tail) and len(name) - len(tail) >= 2:
            return name.removesuffix(tail)
    return name


def trade_name(chance: random.Random) -> str:
    """A company's own name (字号)."""
    return chance.choice(_FIRST) + chance.choice(_SECOND)


def company_name(chance: random.Random, city_name: str, own_name: str, division: str) -> str:
    """A company's full name."""
    city = short_city(city_name)
    return (
        f"{city if len(city) <= 6 else city[:2]}{own_name}{chance.choice(_BUSINESS[division])}{chance.choice(_FORMS)}"
    )


def contact(chance: random.Random, number: int) -> dict[str, str]:
    """An invented contact; `number` below ten million keeps mobile and address unique."""
    given = chance.randrange(0, len(_GIVEN), 2)
    return {
        "name": chance.choice(_SURNAMES) + _GIVEN[given : given + 2],
        "mobile": f"164{number:08d}",
        "email": f"lxr{number:08d}@factory-{number % 977}.example",
    }
