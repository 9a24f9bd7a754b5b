"""Masking of personal data before anything touches disk (charter 4).

Numbers become `[电话]`, `[身份证号]`, `[银行卡号]`, `[账号]`, `[车牌]`, `[邮箱]`, `[住址]`; the full name of a minor or victim beside
the usual words becomes 张某某. What is masked already stays, so masking twice changes nothing.

Sources of the forms: GB 11643-1999 (citizen ID, 18 and 15 digits), GA 36-2018 (plates), the numbering plan of mobile
phones (1[3-9] and nine digits). An ID is masked whether or not its check digit fits: typing errors are personal too.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

# One to one, so that spans found in the folded text are spans of the text itself.
_FOLD = str.maketrans(
    "0123456789-—–()+.@::ＸｘＡＢＣＤＥＦＧＨＪＫＬＭＮＰＱＲＳＴＵＶＷＹＺ",
    "0123456789---()+.@::XxABCDEFGHJKLMNPQRSTUVWYZ",
)

_GAP = r"[ \t\u3000.·-]?"
_ID = re.compile(
    rf"(?<!\d)(?:\d{{6}}{_GAP}(?:18|19|20)\d{{2}}{_GAP}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01]){_GAP}\d{{3}}[\dXx]"
    r"|\d{8}(?:0[1-9]|1[0-2])(?:0[1-9]|[12]\d|3[01])\d{3})(?![\dXx])"
)
_CARD = re.compile(r"(?<!\d)(?:\d[ \u3000-]?){15,18}\d(?!\d)")
_MOBILE = re.compile(rf"(?<!\d)(?:\+?86[ -]?)?1[3-9]\d(?:{_GAP}\d{{4}}{_GAP}\d{{4}}|{_GAP}\d{{3}}{_GAP}\d{{5}})(?!\d)")
_SPELT = re.compile(r"[一幺][三四五六七八九][零〇一二三四五六七八九幺]{9}")
_LANDLINE = re.compile(
    r"(?<!\d)(?:\(?0\d{2,3}\)?[ -]?[2-9]\d{6,7}(?:(?:-|转|分机)\d{1,5})?|[48]00-?\d{3}-?\d{4}"
    r"|(?:(?<=电话)|(?<=电话:)|(?<=拨打)|(?<=热线)|(?<=热线:)|(?<=致电)|(?<=电话是))[2-9]\d{6,7})(?!\d)"
)
_EMAIL = re.compile(r"(?<![A-Za-z0-9_.+-])[A-Za-z0-9_.+-]{1,64}@[A-Za-z0-9-]{1,63}(?:\.[A-Za-z0-9-]{1,63}){1,4}")
_ACCOUNT = re.compile(
    r"(?P<head>(?:微信|QQ|qq|Qq|[Vv][Xx信]|[Ww]e[Cc]hat|扣扣|护照|通行证|军官证)(?:号码|号)?(?:是|为)?[:: ]{0,2})"
    r"(?P<own>[A-Za-z0-9][A-Za-z0-9_-]{4,19})"
)
_PLATE = re.compile(
    r"[京津沪渝冀豫云辽黑湘皖鲁新苏浙赣鄂桂甘晋蒙陕吉闽贵粤青藏川宁琼][A-HJ-NP-Z][ ·.•-]?"
    r"(?:[A-HJ-NP-Z0-9]{4,5}[A-HJ-NP-Z0-9挂学警港澳])(?![A-Za-z0-9])"
)
_FLOOR = r"[0-9A-Za-z一二三四五六七八九十]{1,4}"
_DOOR = re.compile(
    rf"(?:[\u4e00-\u9fa5]{{1,4}}(?:路|街|巷|弄|道|胡同|村|组|小区|花园|家园|新村|公寓|苑|城|庭|府|湾)[ ]?)?"
    rf"(?:\d{{1,5}}(?:-\d{{1,4}})?[号弄][ ,]?)?"
    rf"(?:(?:\d{{1,4}}|[A-Za-z]\d{{0,2}}|[一二三四五六七八九十]{{1,3}})[ ]?(?:号楼|栋|幢|座)[ ]?(?:{_FLOOR}[ ]?单元[ ]?)?(?:{_FLOOR}[ ]?[层楼][ ]?)?(?:\d{{1,5}}[ ]?(?:室|号|户|房)?)?"
    rf"|{_FLOOR}[ ]?单元[ ]?\d{{1,5}}[ ]?(?:室|号|户|房)?"
    r"|\d{3,5}[ ]?(?:室|户)(?!外|内|温|友|籍|型))"
    r"|[\u4e00-\u9fa5]{1,4}(?:路|街|巷|弄|大道|胡同|村|组)[ ]?\d{1,5}(?:-\d{1,4})?[ ]?号(?:之[一二三四五\d]|院)?(?!文|令|线|楼|公告|通知|店|门店|地块|窗口)"
)
_MAY_HAVE_DOOR = re.compile(r"[0-9A-Za-z一二三四五六七八九十] ?(?:[号室栋幢座户弄]|单元)")

_SURNAMES = (
    "王李张刘陈杨黄赵周吴徐孙朱马胡郭林何高梁郑罗宋谢唐韩曹许邓萧冯曾程蔡彭潘袁于董余苏叶吕魏蒋田杜丁沈姜范江傅钟卢汪戴崔"
    "任陆廖姚方金邱夏谭韦贾邹石熊孟秦阎薛侯雷白龙段郝孔邵史毛常万顾赖武康贺严尹钱施牛洪龚汤陶黎温莫易樊乔文安殷颜庄章鲁倪庞邢俞翟蓝聂齐向申葛柴伍覃骆关焦柳欧祝纪尚毕耿芦左季管符辛苗詹曲欧阳靳祁路涂兰甘裴梅童翁霍游阮尤岳柯牟滕谷舒卜成饶宁凌盛查单冉鲍华包屈房喻解蒲卫简时连车项闵邬吉党阳司费蒙席晏隋古强穆姬宫景米麦谈柏瞿艾沙鄢桂窦郁缪畅巩卓褚栾戚全娄甄郎池丛边岑农苟迟保商臧佘卞虞刁冷应匡栗仇练楚揭师官佟封燕桑巫敖原植邝仲荆储宗楼干苑寇盖南屠鞠荣井乐银奚明麻雍花闻冼木郜廉衣蔺和冀占公门帅利满"
)  # fmt: skip
_S = f"[{''.join(sorted(set(_SURNAMES)))}]"
_HAN = r"[\u4e00-\u9fa5]"
# Words that begin like a name; after the role words they are no name.
_NO_NAME = frozenset(
    ["方面", "陈述", "申请", "申诉", "应当", "应该", "时候", "向检", "向法", "向公", "向警", "和解", "权益", "安置", "关系", "成年", "保护", "单独", "全部", "全家", "连同", "解释", "原谅", "尚未", "尚有", "文化", "明确", "公开", "公安", "成功", "时年", "任何", "何时", "何人", "查看", "查阅", "安全", "利益", "包括", "强烈", "时常", "常年", "常常", "简单", "高度", "高中", "华侨", "万一", "明知", "关于", "于是", "和其", "和法", "和检", "和律", "谈到", "谈话", "全程", "全体", "满意", "满十", "满1", "干预", "保存", "保险", "应得", "应有", "季度", "南京", "司法", "官司", "单位", "边缘", "原来", "原本", "明显", "和家", "和父", "和母", "以及", "项目", "景区", "连续", "门诊", "商量", "商议", "封存", "从未", "温州", "江苏", "江西", "江陵", "宁波", "石家", "武汉", "金额", "金钱", "花费", "花了", "乐意", "乐观", "游说", "许多", "许可", "黄金", "白天", "马上", "高额", "毛病", "雷同", "易受", "严重", "章程", "祝愿", "童年", "梅雨", "康复", "常见", "左右", "管理", "符合", "路过", "甘愿", "古城", "米粉", "车辆", "车祸", "党员", "师生", "师傅", "宗旨", "应予", "应获", "应由", "成了", "成为", "向他", "向她", "向其", "向某", "向我", "和他", "和她", "和我", "和同", "于当", "于次", "于昨", "于今", "于凌", "于案", "于事", "时任", "解决", "解除", "银行", "席位", "乐园", "花园", "房屋", "房产"]
)  # fmt: skip
_FUNCTION = set(
    "在到的是被与和因向说称于从对将及已未曾就都也还不跟给让把某等系之所其此该有没无为遭受报去来死伤、,。;!?()《》“”的了着过吗呢吧啊"
)
_TITLES = (
    "女士",
    "先生",
    "同学",
    "老师",
    "家属",
    "家人",
    "家长",
    "父亲",
    "母亲",
    "父母",
    "阿姨",
    "奶奶",
    "大爷",
    "老人",
    "小姐",
    "某",
)
_ROLES = re.compile(
    r"(?:(?:被害人|受害人|受害者|被害者|被侵害人|被性侵者|遇害者|被拐儿童|未成年被害人|未成年犯|未成年嫌疑人"
    r"|(?:被害|受害)(?:女童|男童|儿童|学生|少女|女生|男生)|女童|男童|幼女|女婴|男婴)(?:名叫|叫做|叫|姓名|是|为|系)?"
    # these words are too usual to be followed by a name at once
    r"|(?:未成年人|小学生|初中生|中学生|幼儿|少女|少年|女生|男生|女孩|男孩|孩子|儿童|学生|儿子|女儿)(?:名叫|叫做|叫|姓名|名字是))"
    rf"[:: “\"]{{0,2}}(?P<name>{_S}{_HAN}{{1,3}})"
)
_NAMED = re.compile(rf"(?P<name>{_S}{_HAN}{{1,2}})[((,, ]{{0,2}}(?:男|女)?[,, ]{{0,2}}(?P<age>\d{{1,2}})周?岁")
_AGED = re.compile(
    rf"(?<!\d)(?P<age>\d{{1,2}})周?岁的?(?:小?(?:男孩|女孩|男生|女生|学生|孩子|少年|少女|男童|女童|儿子|女儿|孙子|孙女))?(?:名叫|叫)?(?P<name>{_S}{_HAN}{{1,3}})"
)
_KEYWORDS = re.compile(r"[害童幼女男少学孩婴儿岁侵犯年]")


class Masker:
    """Masks texts; `keep` holds numbers that stay, as `office.yaml` lists them (any separators)."""

    def __init__(self, keep: Iterable[str] = ()) -> None:
        self._keep = frozenset(_digits(number) for number in keep if _digits(number))

    def mask(self, text: str) -> str:
        """`text` without personal data. Same length rules do not hold; the result masks to itself."""
        if not text:
            return text
        spans = self._spans(text.translate(_FOLD))
        if not spans:
            return text
        out, at = [], 0
        for start, end, instead in sorted(spans):
            if start < at:
                continue  # inside what is masked already
            out += [text[at:start], instead]
            at = end
        return "".join([*out, text[at:]])

    def _spans(self, folded: str) -> list[tuple[int, int, str]]:
        spans: list[tuple[int, int, str]] = []

        def add(pattern: re.Pattern[str], instead: str, number: bool = False) -> None:
            for match in pattern.finditer(folded):
                if number and _digits(match.group()) in self._keep:
                    continue
                start, end = match.span()
                if not any(s < end and start < e for s, e, _ in spans):
                    spans.append((start, end, instead))

        if any(c.isdigit() for c in folded):
            add(_ID, "[身份证号]")
            add(_CARD, "[银行卡号]")
            add(_MOBILE, "[电话]", number=True)
            add(_LANDLINE, "[电话]", number=True)
            add(_PLATE, "[车牌]")
        add(_SPELT, "[电话]")
        if "@" in folded:
            add(_EMAIL, "[邮箱]")
        for match in _ACCOUNT.finditer(folded):
            spans.append((match.start("own"), match.end("own"), "[账号]"))
        if _MAY_HAVE_DOOR.search(folded):
            add(_DOOR, "[住址]")
        if _KEYWORDS.search(folded):
            spans += [s for s in _names(folded) if not any(a < s[1] and s[0] < b for a, b, _ in spans)]
        return spans


_DEFAULT = Masker()


def mask(text: str, keep: frozenset[str] = frozenset()) -> str:
    """`Masker(keep).mask(text)`."""
    return Masker(keep).mask(text) if keep else _DEFAULT.mask(text)


def _digits(text: str) -> str:
    return re.sub(r"\D", "", text.translate(_FOLD))


def _names(text: str) -> list[tuple[int, int, str]]:
    found = [(m, True) for m in _ROLES.finditer(text)]
    found += [(m, int(m["age"]) < 18) for pattern in (_NAMED, _AGED) for m in pattern.finditer(text)]
    return [span for match, young in found if young and (span := _name_span(match["name"], match.start("name")))]


def _name_span(run: str, start: int) -> tuple[int, int, str] | None:
    """The name at the head of `run` (a surname and up to three more characters), or None where it is none."""
    if run[:2] in _NO_NAME or run[1] in _FUNCTION or run[1:].startswith(_TITLES):
        return None
    if run[2:].startswith("某"):
        return None
    if run.startswith(("欧阳", "司马", "诸葛", "上官", "夏侯")) and len(run) > 2:
        return start, start + min(len(run), 4 if _given(run[3:]) else 3), run[:2] + "某某"
    end = 3 if len(run) > 2 and _given(run[2]) else 2
    return start, start + end, run[0] + "某某"


def _given(rest: str) -> bool:
    return bool(rest) and rest[0] not in _FUNCTION
