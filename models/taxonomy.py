"""The closed lists of labels, with the names that people see.

Every artifact records TAXONOMY_VERSION; raise it whenever a list below changes its members or their meaning.
"""

from __future__ import annotations

from typing import Final

TAXONOMY_VERSION: Final = 1
GUIDELINE_VERSION: Final = 2  # a text that both labellings read alike keeps the 1 it was labelled under

ROLES: Final[tuple[str, ...]] = ("addressed", "subject", "mentioned", "other_office", "unrelated")
SENTIMENTS: Final[tuple[str, ...]] = ("negative", "neutral", "positive")
TOPICS: Final[tuple[str, ...]] = (
    "case_handling",
    "procedure_rights",
    "staff_conduct",
    "integrity",
    "minors_victims",
    "privacy_leak",
    "impersonation_scam",
    "false_claim",
    "help_request",
    "public_interest",
    "service_access",
    "legal_policy",
    "official_release",
    "praise",
)
BINARY: Final[tuple[str, ...]] = ("needs_answer", "sensitive")

ROLE_NAMES: Final[dict[str, str]] = {
    "addressed": "向本院提出",
    "subject": "涉及本院工作",
    "mentioned": "提及本院",
    "other_office": "他院事项",
    "unrelated": "无关",
}
SENTIMENT_NAMES: Final[dict[str, str]] = {"negative": "负面", "neutral": "中性", "positive": "正面"}
TOPIC_NAMES: Final[dict[str, str]] = {
    "case_handling": "案件办理",
    "procedure_rights": "程序与诉讼权利",
    "staff_conduct": "工作作风",
    "integrity": "廉洁",
    "minors_victims": "未成年人与被害人",
    "privacy_leak": "个人信息与案情泄露",
    "impersonation_scam": "冒充检察机关诈骗",
    "false_claim": "疑似不实信息（待核实）",
    "help_request": "求助信访",
    "public_interest": "公益诉讼线索",
    "service_access": "检务服务",
    "legal_policy": "法律政策讨论",
    "official_release": "官方发布",
    "praise": "肯定表扬",
}
BINARY_NAMES: Final[dict[str, str]] = {"needs_answer": "需要答复", "sensitive": "涉及受保护利益"}
LABEL_NAMES: Final[dict[str, str]] = {**ROLE_NAMES, **SENTIMENT_NAMES, **TOPIC_NAMES, **BINARY_NAMES}

# Topics that say someone is being, or may be, harmed. They raise the level of an issue; sentiment never does.
HARM_TOPICS: Final[frozenset[str]] = frozenset({"minors_victims", "privacy_leak", "impersonation_scam", "integrity"})

# Topics that only make sense when a procuratorate is in the text (guideline, "topics").
OFFICE_TOPICS: Final[frozenset[str]] = frozenset(
    {
        "case_handling",
        "procedure_rights",
        "staff_conduct",
        "integrity",
        "service_access",
        "official_release",
        "praise",
        "impersonation_scam",
    }
)


def columns() -> tuple[str, ...]:
    """All label columns in the fixed order in which models store them."""
    return ROLES + SENTIMENTS + TOPICS + BINARY


def display_name(label: str) -> str:
    """The Chinese name of a label; the label itself if it is not of this taxonomy."""
    return LABEL_NAMES.get(label, label)
