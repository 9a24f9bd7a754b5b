"""What can go wrong in `models`, named by what the caller must do.

ModelsError
├── CorpusError      a training text is malformed: mend the named line
├── ArtifactError    the trained model cannot be used: train again
│   ├── ArtifactMissing
│   ├── ArtifactTampered
│   └── ArtifactOutdated
└── EngineError      a segmenter was named that is not there
"""

from __future__ import annotations

from pathlib import Path

RETRAIN_HINT = "请运行 `tingjian train` 重新训练。"


class ModelsError(Exception):
    """Base of all errors of this room; the message is meant for a person."""


class CorpusError(ModelsError):
    """A corpus file is malformed; names file, line and field."""

    def __init__(self, file: Path | str, line: int, field: str, why: str) -> None:
        super().__init__(f"语料 {file} 第 {line} 行，字段 {field}：{why}")
        self.file, self.line, self.field, self.why = str(file), line, field, why


class ArtifactError(ModelsError):
    """A trained model cannot be used; the message says what to do."""

    def __init__(self, folder: Path | str, why: str) -> None:
        super().__init__(f"模型 {folder} 不可用：{why}。{RETRAIN_HINT}")
        self.folder, self.why = str(folder), why


class ArtifactMissing(ArtifactError):
    """No model has been trained there yet."""


class ArtifactTampered(ArtifactError):
    """The files do not match their manifest, or cannot be read as a model."""


class ArtifactOutdated(ArtifactError):
    """Made for another taxonomy, segmenter or feature version."""


class EngineError(ModelsError):
    """The segmentation engine is unknown or not installed."""
