"""Full names of minors and victims beside the words that say so (charter 4): 被害人张伟 becomes 被害人张某某.

Works on folded text (`mask.FOLD`). A surname and one or two characters is taken for a name unless the two first
characters are a word of everyday Chinese; a name that is such a word (高空, 安排) stays, which is the price of leaving
prose readable.
"""

from __future__ import annotations

import re

_SURNAMES = (
    "王李张刘陈杨黄赵周吴徐孙朱马胡郭林何高梁郑罗宋谢唐韩曹许邓萧冯曾程蔡彭潘袁于董余苏叶吕魏蒋田杜丁沈姜范江傅钟卢汪戴崔"
    "任陆廖姚方金邱夏谭韦贾邹石熊孟秦阎薛侯雷白龙段郝孔邵史毛常万顾赖武康贺严尹钱施牛洪龚汤陶黎温莫易樊乔文安殷颜庄章鲁倪庞邢俞翟蓝聂齐向申葛柴伍覃骆关焦柳欧祝纪尚毕耿芦左季管符辛苗詹曲靳祁路涂兰甘裴梅童翁霍游阮尤岳柯牟滕谷舒卜成饶宁凌盛查单冉鲍华包屈房喻解蒲卫简时连车项闵邬吉党阳司费蒙席晏隋古强穆姬宫景米麦谈柏瞿艾沙鄢桂窦郁缪畅巩卓褚栾戚全娄甄郎池丛边岑农苟迟保商臧佘卞虞刁冷应匡栗仇练楚揭师官佟封燕桑巫敖原植邝仲荆储宗楼干苑寇盖南屠鞠荣井乐银奚明麻雍花闻冼木郜廉衣蔺和冀占公门帅利满肖闫付"
)  # fmt: skip
_LONG_SURNAMES = ("欧阳", "司马", "诸葛", "上官", "夏侯", "皇甫", "尉迟", "慕容", "东方", "令狐", "端木")
_S = f"(?:{'|'.join(_LONG_SURNAMES)}|[{''.join(sorted(set(_SURNAMES)))}])"
_HAN = r"[\u4e00-\u9fa5]"
# Words that begin like a name; after the role words they are no name.
_WORDS = """
    方面 陈述 申请 申诉 应当 应该 时候 向检 向法 向公 向警 和解 权益 安置 关系 成年 保护 单独 全部 全家 连同 解释 原谅 尚未 尚有
    文化 明确 公开 公安 成功 时年 任何 何时 何人 查看 查阅 安全 利益 包括 强烈 时常 常年 常常 简单 高度 高中 华侨 万一 明知 关于
    于是 和其 和法 和检 和律 谈到 谈话 全程 全体 满意 满十 满1 干预 保存 保险 应得 应有 季度 南京 司法 官司 单位 边缘 原来 原本
    明显 和家 和父 和母 以及 项目 景区 连续 门诊 商量 商议 封存 从未 温州 江苏 江西 江陵 宁波 石家 武汉 金额 金钱 花费 花了 乐意
    乐观 游说 许多 许可 黄金 白天 马上 高额 毛病 雷同 易受 严重 章程 祝愿 童年 梅雨 康复 常见 左右 管理 符合 路过 甘愿 古城 米粉
    车辆 车祸 党员 师生 师傅 宗旨 应予 应获 应由 成了 成为 向他 向她 向其 向某 向我 和他 和她 和我 和同 于当 于次 于昨 于今 于凌
    于案 于事 时任 解决 解除 银行 席位 乐园 花园 房屋 房产 高空 高速 高校 高考 高级 高温 高处 高达 高喊 高兴 高一 高二 高三 高层
    强奸 强制 强迫 强行 强忍 强调 强力 强拆 龙舟 程序 程度 连夜 连连 连声 连人 连忙 连接 关节 关心 关注 关押 关门 关上 关爱 关键
    安排 安慰 安抚 安葬 安装 安心 安定 安保 安检 安身 钱款 钱财 钱包 钱物 时间 时期 时刻 时代 时隔 时值 全国 全市 全省 全县 全身
    全面 全文 全额 全年 全班 全校 全力 全数 全新 全民 全村 公司 公民 公布 公诉 公证 公益 公告 公平 公共 公交 公园 公里 公车 公寓
    公职 公众 公示 公婆 公公 利用 利息 利率 任务 任意 任由 任其 成绩 成长 成员 成立 成人 成果 成本 成群 农民 农村 农业 农户 农历
    保证 保障 保留 保持 保安 保密 保守 保姆 保证 原因 原则 原告 原始 原有 原籍 原件 原审 原判 原先 干部 干涉 干净 干活 干警 干扰
    文件 文书 文字 文章 文学 文明 文具 平安 和平 和谐 和睦 和老 和亲 和邻 和监 和被 和嫌 和证 和群 和孩 和学 和小 和妻 和丈 和儿
    和女 和男 和村 和代 和当 和民 和另 和两 和三 和多 和未 和一 和施 和肇 和对 和各 和原 和涉 和所 和有 和社 和旁 和证 和目 方法
    方案 方式 方才 方能 方可 方便 何以 何况 何必 何处 何故 何种 何在 何去 明天 明白 明明 明年 明日 明示 明文 明确 明晰 夏天 夏季
    夏令 宋体 周围 周边 周末 周年 周岁 周一 周二 周三 周四 周五 周六 周日 武器 武装 武术 武警 施工 施暴 施救 施行 施加 白色 白酒
    白领 白血 黄色 黄牌 黄昏 金融 金属 金牌 金山 石头 石块 石油 石刻 马路 马虎 马甲 牛奶 牛肉 牛仔 毛巾 毛衣 温暖 温度 温和 温馨
    温情 温柔 严格 严厉 严肃 严禁 严惩 严守 衣服 衣物 衣着 衣裳 房间 房子 房东 房租 房门 房价 车站 车间 车主 车上 车里 车内 车门
    车厢 车速 车子 车票 门口 门前 门外 门卫 门窗 门槛 楼上 楼下 楼梯 楼道 楼房 楼顶 楼层 楼盘 路口 路上 路边 路人 路面 路途 路费
    边境 边上 边防 边走 边哭 江水 江边 江河 江上 江面 池塘 河边 田间 田地 花坛 花样 花钱 花季 花甲 花圈 木板 木材 木棍 冷静 冷漠
    冷水 冷暴 冷冻 满足 满脸 满身 满月 满怀 满头 满口 满分 满周 满1 盛大 畅通 畅谈 查询 查处 查明 查清 查出 查获 查证 查实 查封
    查找 查验 查体 单元 单亲 单身 单方 单纯 单人 单价 单据 单车 解答 解读 解救 解散 解脱 解开 解雇 解约 卫生 卫健 简历 简介 简易
    简要 简称 简陋 连带 连锁 连环 连累 连任 项链 党委 党政 党组 司机 司令 费用 费尽 费心 席间 古代 古籍 古树 景点 景象 景观 米饭
    谈判 谈论 谈恋 谈心 艾滋 沙发 沙滩 沙石 应急 应聘 应付 应对 应答 应届 应约 应诉 应召 应邀 应依 应与 应向 应在 应为 应及 应负
    应承 应享 应尽 应如 应按 应否 应不 应当 仇恨 仇家 练习 练琴 师范 师长 师父 官方 官网 官员 官兵 封闭 封面 封口 储蓄 储存 宗教
    宗亲 宗族 楼市 干预 干事 干尽 南方 南侧 南路 南部 乐队 乐器 明信 麻醉 麻烦 麻将 闻讯 闻名 占有 占用 占地 占据 占道 商店 商业
    商场 商人 商户 商品 商铺 商定 商谈 商务 毕业 毕竟 左手 左脚 左侧 左臂 左腿 左眼 左边 左肩 左胸 右手 管辖 管教 管道 管控 符号
    辛苦 辛酸 曲折 路径 兰花 甘肃 甘心 游泳 游戏 游玩 游客 游行 游乐 尤其 成都 成份 成因 成交 成型 成瘾 成婚 成家 成才 宁可 宁愿
    宁静 凌晨 凌辱 凌虐 凌空 盛怒 冉冉 包庇 包裹 包装 包扎 包子 包夜 包养 包车 屈辱 屈服 屈从 喻为 时有 时不 时被 时因 时由 时已
    时正 时其 时已 时未 时发 时还 时只 时穿 时任 向上 向下 向前 向往 向导 向父 向老 向家 向母 向学 向村 向派 向民 向记 向社 向妇
    向被 向嫌 向网 向对 向有 向当 向市 向省 向区 向县 向最 向上 向纪 向监 向信 向媒 向班 向邻 向朋 向同 向路 向司 向医 向亲 向陌
    向平 向客 向商 向工 向劳 向消 向各 向他 于本 于同 于本 于上 于下 于早 于晚 于午 于傍 于深 于去 于前 于某 于2 于1 于一 于二 于三
    于四 于五 于六 于七 于八 于九 于十 于案 于学 于家 于医 于酒 于网 于外 于校 于死 于不 于危 于弱 于困 于无 于未 于法 于情 于此 于
    许久 许诺 许愿 许以 申报 申领 申辩 申明 申述 申冤 焦虑 焦急 纪律 纪委 纪念 尚在 尚存 尚能 尚且 尚不 尚需 尚可 尚属 毕生 欧洲
    祝福 祝贺 舒服 舒适 童装 童话 童鞋 童工 梅花 章节 龙头 龙卷 段落 孔子 史上 史料 万元 万余 万人 万分 万般 万幸 顾客 顾虑 顾及
    顾问 赖账 康健 洪水 汤圆 陶瓷 黎明 莫名 莫大 莫过 易于 易感 易燃 易怒 殷切 殷实 颜色 颜面 庄稼 庄严 庞大 蓝色 齐全 齐声 柴油
    伍佰 骆驼 柳树 林业 林场 林木 梁柱 罗列 谢意 谢谢 谢罪 唐突 韩国 曾经 曾因 曾被 曾多 曾在 曾向 曾与 曾是 曾遭 曾受 曾有 曾为
    余名 余人 余元 余万 余款 余生 余额 余下 余户 余岁 苏醒 叶子 田径 杜绝 姜汤 范围 钟点 汪汪 戴着 戴上 戴口 陆续 陆地 金项 秦岭
    雷电 雷雨 郁闷 卓越 荣获 荣誉 荣辱 井盖 井下 井中 井里 银手 银饰 廉租 廉价 廉洁 迟迟 迟到 迟疑 丛林 农家 农药 农场 农具 农资 苟且 边远
    付款 付费 付出 付给 付清 付钱 付了 付诸 肖像 华人 华丽 喜欢 杨树 柏油 桂花 宫颈 强光 强悍 强弱 强化 强健 强度 强者 强压 强令 强收 强买 强占 强取 强逼 强留 强扭
"""
_NO_NAME = frozenset(_WORDS.split())
_FUNCTION = frozenset(
    "在到的是被与和因向说称于从对将及已未曾就都也还不跟给让把某等系之所其此该有没无为遭受报去来死伤、,。;!?()《》“”的了着过吗呢吧啊"
)
_TITLES = (
    "女士", "先生", "同学", "老师", "家属", "家人", "家长", "父亲", "母亲", "父母", "阿姨", "奶奶", "大爷", "老人", "小姐", "某",
)  # fmt: skip
_ROLES = re.compile(
    r"(?:(?:被害人|受害人|受害者|被害者|被侵害人|被性侵者|遇害者|被拐儿童|未成年被害人|未成年犯|未成年嫌疑人"
    r"|(?:被害|受害)(?:女童|男童|儿童|学生|少女|女生|男生)|女童|男童|幼女|女婴|男婴)(?:名叫|叫做|叫|姓名|是|为|系)?"
    # these words are too usual to be followed by a name at once
    r"|(?:未成年人|小学生|初中生|中学生|幼儿|少女|少年|女生|男生|女孩|男孩|孩子|儿童|学生|儿子|女儿)(?:名叫|叫做|叫|姓名|名字是))"
    rf"[:: “\"]{{0,2}}(?P<name>{_S}{_HAN}{{1,3}})"
)
_NAMED = re.compile(rf"(?P<name>{_S}{_HAN}{{1,2}})[((,, ]{{0,2}}(?:男|女)?[,, ]{{0,2}}(?P<age>\d{{1,2}})周?岁")
_AGED = re.compile(
    rf"(?<!\d)(?P<age>\d{{1,2}})周?岁的?(?:小?(?:男孩|女孩|男生|女生|学生|孩子|少年|少女|男童|女童|儿子|女儿|孙子|孙女))?"
    rf"(?:名叫|叫)?(?P<name>{_S}{_HAN}{{1,3}})"
)
_SURE = ("名叫", "叫做", "姓名", "名字是")
_KEYWORDS = re.compile(r"[害童幼女男少学孩婴儿岁侵犯年]")
Span = tuple[int, int, str]


def surname_width(run: str) -> int:
    """How many characters of `run` are a surname before a given name may stand: 0 where it begins like no name.

    A word of everyday Chinese (方法, 安排) begins like none.
    """
    if run[:2] in _NO_NAME or len(run) < 2 or run[1] in _FUNCTION:
        return 0
    if run.startswith(_LONG_SURNAMES) and len(run) > 2:
        return 2
    return 1 if run[0] in _SURNAMES else 0


def name_spans(text: str) -> list[Span]:
    """(start, end, what stands there instead) for each full name of a minor or victim in folded `text`, at each place where it stands."""
    if not _KEYWORDS.search(text):
        return []
    found = [(m, True) for m in _ROLES.finditer(text)]
    found += [(m, int(m["age"]) < 18) for pattern in (_NAMED, _AGED) for m in pattern.finditer(text)]
    spans: list[Span] = []
    for match, young in found:
        start = match.start("name")
        sure = text[:start].rstrip(': "“').endswith(_SURE)
        if young and (span := _name_span(match["name"], start, sure)):
            spans.append(span)
    # Who was named once is known by the name wherever it stands: 被害人罗启舟……罗启舟的母亲.
    instead = {text[start:end]: said for start, end, said in spans}
    for name, said in instead.items():
        spans += [(m.start(), m.end(), said) for m in re.finditer(re.escape(name), text)]
    return sorted(set(spans))


def _name_span(run: str, start: int, sure: bool) -> Span | None:
    """The name at the head of `run` (a surname and up to three more characters), or None where it is none.

    `sure`: the words before say that a name comes, so that 周一一 is one although 周一 is a day.
    """
    width = 2 if run.startswith(_LONG_SURNAMES) and len(run) > 2 else 1
    given = run[width:]
    if (
        (run[:2] in _NO_NAME and not sure)
        or given[0] in _FUNCTION
        or given.startswith(_TITLES)
        or given[1:].startswith("某")
    ):
        return None
    alone = len(given) < 2 or given[1] in _FUNCTION or given[1:].startswith(_TITLES)
    length = 1 if alone else 2
    return start, start + width + length, run[:width] + "某某"
