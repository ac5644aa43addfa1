"""The businesses of 安澜市 (division 990100) and 望川区 (990102): nobody and nothing real."""

from __future__ import annotations

from simulators.state import Document

_WANGCHUAN = "安澜市望川区市场监督管理局"
_ANLAN = "安澜市市场监督管理局"
_OPERATING = {"regState": "1", "regState_CN": "存续（在营、开业、在册）"}
_COMPANY = {"entType": "1130", "entType_CN": "有限责任公司(自然人投资或控股)", "regCapCurCN": "人民币"}
_INDIVIDUAL = {"entType": "9500", "entType_CN": "个体工商户"}


def _entity(pripid: str, organ: str, **members: str) -> Document:
    return {"pripid": pripid, "nodeNum": "990000", "regOrg_CN": organ, **members}


ENTITIES: list[Document] = [
    _entity(
        "9901020120190311000017",
        _WANGCHUAN,
        **_INDIVIDUAL,
        **_OPERATING,
        uniscId="92990102MA0WA4562J",
        traName="味安副食店",
        name="罗巧云",
        estDate="2019-03-11",
        apprDate="2024-05-20",
        opLoc="安澜市望川区临河路18号",
        opScope="食品销售（凭许可证经营）；日用百货零售。",
    ),
    _entity(
        "9901000120120622000201",
        _WANGCHUAN,
        **_COMPANY,
        **_OPERATING,
        uniscId="91990102MA0HD1233R",
        regNo="990100000003313",
        entName="恒筑建设有限公司",
        name="石渡平",
        estDate="2012-06-22",
        apprDate="2012-06-22",
        opFrom="2012-06-22",
        regCap="2000.000000",
        dom="安澜市望川区长堤大道66号",
        opScope="房屋建筑工程施工；市政公用工程施工。",
    ),
    _entity(  # at rest: served by publication or at the address for legal documents
        "9901020120160905000044",
        _WANGCHUAN,
        regState="1",
        regState_CN="歇业",
        entType="1151",
        entType_CN="有限责任公司(自然人独资)",
        uniscId="91990102MA7C003Y8D",
        entName="云帆文化传播有限公司",
        name="叶帆",
        estDate="2016-09-05",
        regCap="50.000000",
        regCapCurCN="人民币",
        dom="安澜市望川区临河路201号",
        serAddr="安澜市望川区梧桐巷3号",
        opScope="文化艺术交流活动组织。",
    ),
    _entity(  # registered before unified codes, never converted
        "9901020120050417000108",
        _WANGCHUAN,
        regState_CN="开业",
        entType_CN="个体",
        regNo="990102600001188",
        traName="老埠头修车铺",
        name="闻渡生",
        estDate="2005-04-17",
        opLoc="安澜市望川区老埠头7号",
        opScope="自行车、摩托车修理。",
    ),
    _entity(
        "9901020120180619000073",
        _WANGCHUAN,
        **_COMPANY,
        **_OPERATING,
        uniscId="91990102MA7D004W9N",
        entName="望川小院餐饮管理有限公司",
        name="丁秋禾",
        estDate="2018-06-19",
        regCap="100.000000",
        dom="安澜市望川区梧桐巷12号",
        opScope="餐饮服务；餐饮管理。",
    ),
    _entity(
        "9901020120170228000009",
        _WANGCHUAN,
        **_OPERATING,
        entType="9100",
        entType_CN="农民专业合作社",
        uniscId="93990102MA7E005Q7E",
        entName="青禾镇禾丰农机专业合作社",
        name="田望禾",
        estDate="2017-02-28",
        regCap="120.000000",
        regCapCurCN="人民币",
        dom="安澜市望川区青禾镇渡口村",
        opScope="农业机械服务。",
    ),
    _entity(
        "9901000120140715000066",
        _ANLAN,
        **_COMPANY,
        **_OPERATING,
        uniscId="91990100MA7F006D8P",
        entName="安澜渡运有限公司",
        name="江行舟",
        estDate="2014-07-15",
        regCap="300.000000",
        dom="安澜市沿江路1号",
        opScope="内河旅客运输。",
    ),
    _entity(
        "9901000120110309000031",
        _ANLAN,
        **_COMPANY,
        regState="2",
        regState_CN="吊销，未注销",
        uniscId="91990100MA7G007X9K",
        entName="旧潮商贸有限公司",
        name="顾潮生",
        estDate="2011-03-09",
        regCap="10.000000",
        dom="安澜市盐仓街9号",
        opScope="日用百货销售。",
    ),
    _entity(
        "9901020120130903000052",
        _WANGCHUAN,
        **_INDIVIDUAL,
        regState="4",
        regState_CN="注销",
        uniscId="92990102MA7H008L89",
        traName="河湾小吃店",
        name="秦河湾",
        estDate="2013-09-03",
        opLoc="安澜市望川区河湾路5号",
        opScope="小吃制售。",
    ),
    _entity(
        "9901020120150811000084",
        _WANGCHUAN,
        **_COMPANY,
        regState="6",
        regState_CN="迁出",
        uniscId="91990102MA7J009Q7M",
        entName="远汀物流有限公司",
        name="汪远汀",
        estDate="2015-08-11",
        regCap="500.000000",
        dom="安澜市望川区仓储路40号",
        opScope="道路货物运输。",
    ),
    _entity(  # a state that no table knows
        "9901000120200102000012",
        _ANLAN,
        **_COMPANY,
        regState_CN="简易注销公告中",
        uniscId="91990100MA7K010T8L",
        entName="暮云装饰有限公司",
        name="沈暮云",
        estDate="2020-01-02",
        regCap="80.000000",
        dom="安澜市盐仓街21号",
        opScope="室内装饰工程。",
    ),
]

HISTORY: list[Document] = [
    {"uniscId": "91990102MA0HD1233R", "set": {"name": "齐远山"}, "on": "2025-11-03"},
    {"uniscId": "92990102MA0WA4562J", "set": {"opLoc": "安澜市望川区临河路20号"}, "on": "2026-01-12"},
]

TOKENS: list[Document] = [
    {"token": "PFXuY0aBcd83kqPw51ZmTn", "uniscId": "92990102MA0WA4562J", "expires_at": None},
    {"token": "7d1f0c5ab2e94c0f8e6a3b17c2d49f05", "uniscId": "91990102MA0HD1233R", "expires_at": None},
    {"token": "Kc72vLq0sRw9yBn4Xe", "pripid": "9901020120050417000108", "expires_at": None},
    {"token": "EL20240520T0930x8Qm2", "uniscId": "92990102MA0WA4562J", "expires_at": "2024-05-20T09:35:00+08:00"},
]
