"""A person's name in words that would be watched for (charter 6): refused, unless it is a case's public name.

Whatever stands until somebody ends it asks here: saved searches today. A name is known by its surname together with the
tagger, by standing alone in no dictionary, or by the dot of 阿依古丽·买买提; 王某 and 王某某 are masked already. Words that
are no name but look like one may be refused: the message says how to write the matter instead. Not known: a name whose
characters stand apart, in Latin letters, transliterated without a dot and in the dictionary, or in the middle of a sentence where the tagger misses it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable

from models.people import Span, in_dictionary, may_be_names
from pipeline.errors import Refused
from pipeline.privacy.names import surname_width
from pipeline.settings.offices import Office

WHY = "听见只关注事情，不关注人（章程第 6 条）"
_RUN = re.compile(r"[\u4e00-\u9fa5]+")
_FOREIGN = re.compile(r"[\u4e00-\u9fa5]{1,8}[·•‧・․][\u4e00-\u9fa5]{1,8}")  # as typed, or as NFKC leaves it
_CASE = re.compile(r"(?:等\S{0,3})?[\u4e00-\u9fa5]{0,8}案")
_PLACES = "省市县区镇乡村街路巷湾洲岛山河湖桥院局所站店厂"
# Everyday words that the dictionary holds as names.
_NO_NAME = frozenset(
    """
    和尚 王朝 阳光 陆军 卫星 雷达 古老 冷笑 武林 明星 宫殿 封锁 胡同 师兄 师姐 师弟 白雪 高峰 文武 石英 高潮 公正 辛勤 胡子 桂林 柏林 安静
    保健 吉祥 范畴 周转 孙子 孙女 高明 关怀 林立 明珠 王子 温泉 向阳 向东 陈列 蓝天 金刚 朱红 白莲 沙丘 石狮 童子 师母 史诗 谢恩 凌厉 荣耀
    胡闹 高悬 乔木 麦子 银杏 周密 陈设 高薪 练兵 金黄 林子 安危 石柱 张贴 周旋 孔雀 田园 白云 高耸 蓝图 殷勤 史实 古文 廉政 田野 严正 高昂
    庄园 顾忌 高超 胡椒 张罗 徐徐 高雅 常青 任凭 张扬 卫冕 施政 明朗 熊猫 钟声 陶醉 汪洋 周全 白昼 毛发 明智 岳母 岳父 王权 黄牛 洪亮 荆棘
    张望 涂抹 周详 巫师 农耕 陈旧 盖章 封信 文旅 占线 张嘴 张口 张开 张图 张纸 门岗 康养 龙虾 白杨 段子 栗子 盖子 童谣 童星 满堂 楼长 连麦
    冷链 龙亭 华裔 金光 白银 麻木 封签 时髦 鲁莽 利剑 盛世 沙特 马来 华为 张家 李家 王家 刘家 陈家 全家 何家 官微 艾特 干得 管得
    纪检监察 花岗岩 古建筑 金字塔 胡萝卜 金碧辉煌 高新区 连心桥 马拉松 马赛克 白皮书 白开水 花露水 戴眼镜 严正声明 严肃处理 全家福 师兄弟
    卫健委 查一查 花呗 路怒症 丁克 白名单 胡辣汤 银杏叶 苗圃 储物间 郑重声明 张冠李戴 席上 马扎
    石家庄 张家口 张家界 马克思 康师傅 宁德时代 农夫山泉
    """.split()
)


def refuse_persons(words: Iterable[str], offices: Iterable[Office]) -> None:
    """Raises Refused where one of `words` names a person; the spokespersons that `offices` publish are none (charter 6)."""
    known = sorted({n for o in offices for n in _published(o) if n}, key=len, reverse=True)
    for text in words:
        if found := persons_in(text, known):
            raise Refused(
                f"“{found[0]}”像是人名。保存的检索不能针对某个人：{WHY}。可以写事情本身，或写案件的公开名称（某某案）；临时查一次不受限制"
            )


def persons_in(text: str, known: Iterable[str] = ()) -> list[str]:
    """The persons' names that `text`, one word or phrase, holds; `known` names are none."""
    text = unicodedata.normalize("NFKC", text)
    for name in known:
        text = text.replace(name, " ")
    found = [m.group() for m in _FOREIGN.finditer(text)]
    # 王.小明 and 王_小明 are searched as 王小明: what is no letter does not part characters.
    for run in _RUN.findall("".join(c for c in text if c.isalnum() or c.isspace())):
        spans = [span for span in may_be_names(run) if _is_name(run, span)]
        if _unknown_name(run):
            spans.append((0, len(run)))
        found += [run[start:end] for start, end in spans if not _CASE.match(run[end:])]
    return found


def _is_name(run: str, span: Span) -> bool:
    name = run[slice(*span)]
    if name in _NO_NAME or "某" in name or name.endswith("案") or (len(name) > 2 and name[-1] in _PLACES):
        return False
    if surname_width(name) and len(name) <= 4:
        return True
    return name == run and len(name) > 2 and not in_dictionary(name)


def _unknown_name(run: str) -> bool:
    """Whether `run` is a surname and one or two characters that together are no word."""
    width = surname_width(run)
    return bool(width) and width < len(run) <= width + 2 and not in_dictionary(run) and _is_name(run, (0, len(run)))


def _published(office: Office) -> list[str]:
    return [
        office.name, office.short_name, *office.aliases, office.region, *office.superior, *office.subordinate,
        *office.spokespersons,
    ]  # fmt: skip
