"""What factories write: project names, contents and uses of funds by direction and industry, in Chinese."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass

_PROCESSES = {
    "13": ("浸出车间", "烘干线"),
    "14": ("杀菌灌装线", "蒸煮车间"),
    "15": ("酿造车间", "灌装线"),
    "16": ("制丝线",),
    "17": ("印染定型线", "浆纱车间"),
    "18": ("水洗车间",),
    "19": ("鞣制车间",),
    "20": ("热压线", "干燥工段"),
    "21": ("涂装线",),
    "22": ("制浆车间", "纸机干燥部"),
    "23": ("印刷复合线",),
    "24": ("注塑车间",),
    "25": ("催化裂化装置", "焦炉系统"),
    "26": ("合成装置", "精馏工段", "反应釜系统"),
    "27": ("发酵车间", "提取车间"),
    "28": ("聚合纺丝线",),
    "29": ("硫化车间", "密炼车间"),
    "30": ("熟料烧成系统", "窑炉系统", "粉磨系统"),
    "31": ("烧结工序", "轧钢加热炉", "高炉系统"),
    "32": ("电解车间", "熔炼炉", "阳极焙烧炉"),
    "33": ("熔化工段", "热处理线"),
    "34": ("机加工车间", "热处理线"),
    "35": ("总装车间", "喷涂线"),
    "36": ("涂装车间", "压铸车间"),
    "37": ("分段制造车间",),
    "38": ("化成车间", "绕线车间", "扩散工段"),
    "39": ("洁净车间", "电镀线", "蚀刻线"),
    "40": ("校验车间",),
    "41": ("成型车间",),
    "42": ("破碎分选线", "熔炼工段"),
    "43": ("维修车间",),
    "64": ("算力机房",),
    "65": ("算力机房",),
}


@dataclass(frozen=True, slots=True)
class Direction:
    """How projects of one direction are described. `technologies` never claim a benefit that the need does not show."""

    technologies: tuple[str, ...]
    equipment: tuple[str, ...]
    works: tuple[str, ...]
    effect: str


DIRECTIONS: Mapping[str, Direction] = {
    "energy_carbon": Direction(
        ("余热余压回收利用改造", "高效电机系统节能改造", "工艺优化降碳改造", "锅炉系统节能改造"),
        ("余热锅炉", "汽轮发电机组", "永磁同步电机", "高效换热器", "磁悬浮鼓风机", "蓄热式燃烧器"),
        ("循环水站", "配电室", "保温管网"),
        "单位产品综合能耗将低于行业先进值",
    ),
    "water_pollution": Direction(
        ("中水回用改造", "废水深度处理改造", "循环冷却水系统改造"),
        ("超滤膜组件", "反渗透装置", "MVR蒸发器", "臭氧氧化塔", "高效沉淀池设备"),
        ("调节池", "污泥脱水间", "回用水管网"),
        "工业用水重复利用率和出水水质将明显提高",
    ),
    "resource_recycling": Direction(
        ("工业固废综合利用", "废渣资源化改造", "边角料回收再生"),
        ("破碎机", "磁选机", "立式磨", "压块机", "智能分选机"),
        ("原料棚", "封闭输送廊道", "成品库"),
        "大宗固废将在厂区内就地转化为产品原料",
    ),
    "clean_substitution": Direction(
        ("清洁燃料替代改造", "绿氢替代改造", "生物质燃料替代改造"),
        ("天然气燃烧器", "生物质气化炉", "电加热窑", "储供气装置"),
        ("调压站", "燃料储存间", "安全联锁系统"),
        "煤炭消费将大幅下降",
    ),
    "environmental_equipment": Direction(
        ("环保装备升级", "挥发性有机物治理升级", "除尘脱硝装备升级"),
        ("蓄热式氧化炉", "沸石转轮", "布袋除尘器", "脱硝反应器", "活性炭再生装置"),
        ("集气管道", "在线监测站房", "应急池"),
        "污染物排放将稳定低于超低排放限值",
    ),
    "digital_green": Direction(
        ("数字化绿色化协同改造", "智能制造与能效协同升级", "生产过程智能优化"),
        ("边缘计算网关", "智能仪表", "先进过程控制服务器", "工业机器人", "在线质量检测装置"),
        ("工业网络", "集中控制室", "数据中台"),
        "生产效率和资源利用效率将同步提升",
    ),
    "industrial_microgrid": Direction(
        ("工业绿色微电网建设", "光储充一体化微电网建设", "源网荷储一体化建设"),
        ("光伏组件", "储能电池舱", "变流器", "能量管理系统", "智能断路器"),
        ("屋面加固", "并网接入间", "充电车位"),
        "厂区绿电消费比例将显著提高",
    ),
    "energy_carbon_centre": Direction(
        ("数字化能碳管理中心建设", "能碳一体化管控平台建设"),
        ("能源计量仪表", "数据采集网关", "碳管理服务器", "可视化大屏系统"),
        ("监控中心", "计量改造点位", "通信光缆"),
        "能源与碳排放数据将实现实时采集和优化调度",
    ),
    "green_data_centre": Direction(
        ("绿色数据中心改造", "液冷机房改造"),
        ("液冷机柜", "间接蒸发冷却机组", "高压直流电源", "磷酸铁锂后备电源"),
        ("冷却塔", "变配电间", "余热回收管路"),
        "电能利用效率将优于1.25",
    ),
    "rd_industrialisation": Direction(
        ("高效装备研发及产业化", "绿色新材料中试及产业化", "先进环保装备研发和产业化", "再生原料产品研发及产业化"),
        ("中试生产线", "性能检测平台", "精密加工中心", "自动化装配线", "材料分析仪"),
        ("中试厂房", "检测实验室", "成品仓库"),
        "成果将形成批量供货能力",
    ),
    "rd_energy": Direction(
        ("低碳技术研发及产业化", "节能装备研发及产业化", "减碳工艺中试及产业化"),
        ("中试生产线", "能效检测平台", "精密加工中心", "自动化装配线"),
        ("中试厂房", "检测实验室", "成品仓库"),
        "成果推广后可替代高耗能设备",
    ),
    "zero_carbon_factory": Direction(
        ("零碳工厂建设",),
        ("屋顶光伏组件", "储能系统", "工业热泵", "能碳管理系统", "高效空压机"),
        ("绿电直连线路", "充换电设施", "碳计量点位"),
        "厂区能源消费将以绿电和清洁热力为主",
    ),
}


@dataclass(frozen=True, slots=True)
class ProjectText:
    """The words of one project."""

    name: str
    content: str
    use_of_funds: str


def describe(chance: random.Random, direction: str, division: str, own_name: str, county_name: str) -> ProjectText:
    """A project of `direction` of a factory in `division`. Sizes and the factory's own name make each content its own."""
    words = DIRECTIONS[direction]
    process = chance.choice(_PROCESSES[division])
    technology = chance.choice(words.technologies)
    first, second = chance.sample(words.equipment, 2)
    work = chance.choice(words.works)
    area = chance.randint(800, 42000)
    whole_factory = direction in ("zero_carbon_factory", "rd_industrialisation", "rd_energy", "industrial_microgrid")
    title = f"{own_name}{'' if whole_factory else process}{technology}项目"
    if chance.random() < 0.3:
        title = f"{title.removesuffix('项目')}（{chance.choice(('一期', '二期', '2026年度', '东区', '西区'))}）项目"
    subject = "厂区" if whole_factory else process
    content = (
        f"项目位于{county_name}{own_name}厂区内，针对{subject}实施{technology}，"
        f"新增{first}{chance.randint(1, 24)}台（套）、{second}{chance.randint(1, 36)}台（套），"
        f"配套建设{work}，改造面积{area}平方米，建设周期约{chance.randint(8, 30)}个月；"
        f"项目实施后，{words.effect}。"
    )
    use = chance.choice(
        (
            f"购置{first}、{second}及安装调试",
            f"购置{first}等设备{chance.randint(2, 40)}台（套）并建设{work}",
            f"建设{work}，采购{first}、{second}和配套仪表",
        )
    )
    return ProjectText(title, content, use)
