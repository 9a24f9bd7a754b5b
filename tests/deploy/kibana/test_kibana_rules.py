"""Broken exports are refused, each by the rule that it breaks and by no other."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import pytest
from kibana_export import Export

Spoil = Callable[[Export], None]
SPOILT: list[tuple[str, Spoil]] = []
TODAY, ISSUES, SOURCES = "board-today", "board-issues", "board-sources"
HANDLING, QUALITY = "board-handling", "board-quality"
HOURLY, SHARE, HEARD, BY_CHANNEL = (
    "每小时材料：今日与上周同日",
    "今日负面占比（材料）",
    "今日公众讨论人数",
    "各渠道的态度",
)


def breaks(rule: str) -> Callable[[Spoil], Spoil]:
    def note(spoil: Spoil) -> Spoil:
        SPOILT.append((rule, spoil))
        return spoil

    return note


def column_change(rule: str, board: str, title: str, key: str, **change: Any) -> None:
    """One column with other values."""

    def spoil(export: Export) -> None:
        with export.column(board, title, key) as column:
            column |= change

    SPOILT.append((rule, spoil))


def parameter_change(rule: str, board: str, title: str, key: str, **change: Any) -> None:
    """The same of the column's parameters."""

    def spoil(export: Export) -> None:
        with export.column(board, title, key) as column:
            column["params"] |= change

    SPOILT.append((rule, spoil))


# --- the envelope


@breaks("unknown-type")
def a_type_that_basic_kibana_has_not(export: Export) -> None:
    export.find("tag")["type"] = "canvas-workpad"


@breaks("version-newer")
def a_newer_dashboard(export: Export) -> None:
    export.find(TODAY)["typeMigrationVersion"] = "10.3.0"


@breaks("version-older")
def an_older_search(export: Export) -> None:
    export.find("red-orange")["typeMigrationVersion"] = "7.9.3"


@breaks("version-missing")
def no_version(export: Export) -> None:
    del export.find(TODAY)["typeMigrationVersion"]


@breaks("core-version")
def another_core(export: Export) -> None:
    export.find(TODAY)["coreMigrationVersion"] = "9.0.0"


@breaks("object-twice")
def the_same_object_twice(export: Export) -> None:
    export.objects.append(dict(export.find(TODAY)))


@breaks("id-not-of-office")
def an_id_without_the_office(export: Export) -> None:
    export.find("heard-cells")["id"] = "heard-cells"


@breaks("string-not-json")
def panels_cut_off(export: Export) -> None:
    about = export.find(TODAY)["attributes"]
    about["panelsJSON"] = about["panelsJSON"][:-1]


@breaks("shape:attributes.panelsJSON")
def panels_not_in_a_string_but_an_object(export: Export) -> None:
    export.find(TODAY)["attributes"]["panelsJSON"] = {"p1": {}}


@breaks("shape:envelope")
def an_export_of_another_version(export: Export) -> None:
    export.find(TODAY)["migrationVersion"] = {"dashboard": "7.17.0"}


@breaks("shape:attributes")
def a_dashboard_with_sections(export: Export) -> None:
    export.find(TODAY)["attributes"]["sections"] = []


@breaks("shape:attributes.color")
def a_colour_by_name(export: Export) -> None:
    export.find("tag")["attributes"]["color"] = "teal"


@breaks("shape:attributes.fieldFormatMap.level")
def an_unknown_format(export: Export) -> None:
    with export.edit("items") as view:
        view["attributes"]["fieldFormatMap"]["level"] = {"id": "level"}


@breaks("shape:attributes.sort")
def a_sort_without_direction(export: Export) -> None:
    export.find("red-orange")["attributes"]["sort"] = [["occurred_at"]]


@breaks("shape:attributes.panelsJSON.type")
def a_panel_of_a_paid_licence(export: Export) -> None:
    with export.panel(TODAY, HOURLY) as panel:
        panel["type"] = "ml_anomaly_swimlane"


@breaks("shape:attributes.panelsJSON.embeddableConfig.attributes.state.visualization.layers")
def a_layer_without_its_type(export: Export) -> None:
    with export.chart(TODAY, HOURLY) as (seen, _):
        del seen["layers"][0]["layerType"]


@breaks("shape:attributes.panelsJSON.embeddableConfig.attributes.state.visualization.layers.seriesType")
def a_series_of_another_name(export: Export) -> None:
    with export.chart(TODAY, HOURLY) as (seen, _):
        seen["layers"][0]["seriesType"] = "line_percentage_stacked"


@breaks("shape:attributes.panelsJSON.embeddableConfig.attributes.visualizationType")
def the_old_metric(export: Export) -> None:
    with export.panel(TODAY, SHARE) as panel:
        panel["embeddableConfig"]["attributes"]["visualizationType"] = "lnsLegacyMetric"


@breaks("shape:attributes.panelsJSON.embeddableConfig.attributes.state.datasourceStates")
def the_data_source_of_8_5(export: Export) -> None:
    with export.panel(TODAY, HOURLY) as panel:
        states = panel["embeddableConfig"]["attributes"]["state"]["datasourceStates"]
        states["indexpattern"] = states.pop("formBased")


@breaks("shape:attributes.panelsJSON.embeddableConfig.attributes.state.visualization.layers")
def a_pie_of_8_4(export: Export) -> None:
    with export.chart(TODAY, "今日议题的等级") as (seen, _):
        seen["layers"][0]["groups"] = seen["layers"][0].pop("primaryGroups")


@breaks("shape:attributes.panelsJSON.embeddableConfig.attributes.state.query.language")
def lucene(export: Export) -> None:
    with export.panel(TODAY, HOURLY) as panel:
        panel["embeddableConfig"]["attributes"]["state"]["query"]["language"] = "lucene"


# --- references


@breaks("reference-dangling")
def a_view_that_is_not_there(export: Export) -> None:
    export.objects.remove(export.find("sources"))


@breaks("first-reference-missing")
def the_panels_own_reference_missing(export: Export) -> None:
    with export.panel(TODAY, HOURLY) as panel:
        panel["embeddableConfig"]["attributes"]["references"].clear()


@breaks("second-reference-missing")
def the_dashboards_reference_missing(export: Export) -> None:
    with export.edit(TODAY) as board:
        board["references"] = [r for r in board["references"] if not r["name"].startswith("p5:")]


@breaks("references-disagree")
def two_references_to_two_views(export: Export) -> None:
    with export.panel(HANDLING, "未办结的事件") as panel:
        panel["embeddableConfig"]["attributes"]["references"][0]["id"] = export.find("incidents")["id"]


@breaks("layer-reference-unused")
def a_reference_of_another_layer(export: Export) -> None:
    with export.edit(TODAY) as board:
        own = next(r for r in board["references"] if r["name"].startswith("p5:"))
        board["references"].append({**own, "name": own["name"].replace("l1", "l2")})


@breaks("reference-twice")
def the_same_name_twice(export: Export) -> None:
    board = export.find(TODAY)
    board["references"].append(dict(board["references"][0]))


@breaks("reference-unused")
def a_reference_of_no_panel(export: Export) -> None:
    board = export.find(TODAY)
    board["references"].append({**board["references"][0], "name": "p99:indexpattern-datasource-layer-l1"})


@breaks("panel-reference-missing")
def a_list_without_its_search(export: Export) -> None:
    with export.panel(TODAY, "未办结的处置事件") as panel:
        panel["panelRefName"] = "panel_elsewhere"


@breaks("search-reference-missing")
def a_search_without_its_view(export: Export) -> None:
    found = export.find("red-orange")
    found["references"] = [r for r in found["references"] if r["type"] == "tag"]


@breaks("control-reference-missing")
def a_control_without_its_view(export: Export) -> None:
    with export.edit(QUALITY) as board:
        board["references"] = [r for r in board["references"] if not r["name"].startswith("controlGroup_k1")]


@breaks("tag-reference-name")
def a_tag_by_another_name(export: Export) -> None:
    found = export.find("red-orange")
    next(r for r in found["references"] if r["type"] == "tag")["name"] = "tag-ref-1"


# --- the dashboard


@breaks("panels-overlap")
def two_panels_in_one_place(export: Export) -> None:
    with export.panel(TODAY, HOURLY) as panel:
        panel["gridData"]["y"] -= 1


@breaks("panel-outside")
def a_panel_that_sticks_out(export: Export) -> None:
    with export.panel(TODAY, BY_CHANNEL) as panel:
        panel["gridData"]["w"] += 1


@breaks("panel-key-differs")
def a_place_of_another_key(export: Export) -> None:
    with export.panel(TODAY, HOURLY) as panel:
        panel["gridData"]["i"] = "p77"


@breaks("panel-key-twice")
def two_panels_of_one_key(export: Export) -> None:
    with export.edit(TODAY) as board:
        panels = board["attributes"]["panelsJSON"]
        panels[0]["panelIndex"] = panels[0]["gridData"]["i"] = panels[1]["panelIndex"]


@breaks("time-range-missing")
def no_time_range(export: Export) -> None:
    export.find(TODAY)["attributes"]["timeRestore"] = False


@breaks("time-range-unreadable")
def a_time_range_in_words(export: Export) -> None:
    export.find(TODAY)["attributes"]["timeFrom"] = "today"


@breaks("control-field-unknown")
def a_control_that_empties_panels(export: Export) -> None:
    with export.edit(HANDLING) as board:
        board["attributes"]["controlGroupInput"]["panelsJSON"]["k1"]["explicitInput"]["fieldName"] = "state"


@breaks("control-key-differs")
def a_control_of_another_key(export: Export) -> None:
    with export.edit(HANDLING) as board:
        board["attributes"]["controlGroupInput"]["panelsJSON"]["k1"]["explicitInput"]["id"] = "k2"


# --- charts


@breaks("layer-unknown")
def a_chart_of_another_layer(export: Export) -> None:
    with export.chart(TODAY, SHARE) as (seen, _):
        seen["layerId"] = "l2"


@breaks("accessor-unknown")
def a_value_that_is_no_column(export: Export) -> None:
    with export.chart(TODAY, HOURLY) as (seen, _):
        seen["layers"][0]["accessors"].append("m7")


@breaks("accessor-of-wrong-sort")
def a_count_as_axis(export: Export) -> None:
    with export.chart(TODAY, HOURLY) as (seen, _):
        seen["layers"][0] |= {"xAccessor": "m0", "accessors": ["b0", "m1"]}


@breaks("column-not-shown")
def a_column_in_no_place(export: Export) -> None:
    with export.chart(ISSUES, "议题一览") as (seen, _):
        seen["columns"].pop()


@breaks("helper-shown")
def a_part_of_a_formula_as_value(export: Export) -> None:
    with export.chart(TODAY, SHARE) as (seen, _):
        seen["secondaryMetricAccessor"] = "m0X0"


@breaks("column-order-differs")
def an_order_without_a_column(export: Export) -> None:
    with export.chart(TODAY, HOURLY) as (_, layer):
        layer["columnOrder"].remove("m1")


@breaks("metric-before-bucket")
def a_metric_first(export: Export) -> None:
    with export.chart(TODAY, HOURLY) as (_, layer):
        layer["columnOrder"].reverse()


@breaks("formula-without-helpers")
def a_formula_alone(export: Export) -> None:
    with export.chart(TODAY, SHARE) as (_, layer):
        layer["columns"]["m0"]["references"] = []
        for key in ("m0X0", "m0X1", "m0X2"):
            del layer["columns"][key]
        layer["columnOrder"] = ["m0"]


@breaks("formula-helper-missing")
def a_formula_with_a_part_missing(export: Export) -> None:
    with export.chart(TODAY, SHARE) as (_, layer):
        del layer["columns"]["m0X1"]
        layer["columnOrder"].remove("m0X1")


@breaks("math-arguments-differ")
def a_formula_of_other_parts(export: Export) -> None:
    with export.column(TODAY, SHARE, "m0X2") as column:
        column["params"]["tinymathAst"]["args"] = ["m0X0", "m0X0"]


@breaks("formula-without-math")
def a_formula_that_points_at_a_count(export: Export) -> None:
    with export.column(TODAY, SHARE, "m0") as column:
        column["references"] = ["m0X0", "m0X2"]


@breaks("cells-added-across")
def cells_of_every_dimension_added(export: Export) -> None:
    with export.panel(TODAY, HEARD) as panel:
        panel["embeddableConfig"]["attributes"]["state"]["query"]["query"] = "period: day or dimension: all"


@breaks("cells-not-counted-in-k")
def cells_counted_as_if_they_were_people(export: Export) -> None:
    with export.column(TODAY, HEARD, "m0") as column:
        column |= {"operationType": "count", "sourceField": "___records___"}


@breaks("chart-without-view")
def a_chart_of_an_unknown_view(export: Export) -> None:
    for found in export.objects:
        if found["id"].endswith("-signals"):
            found["id"] = found["id"].replace("signals", "cells")
        for reference in found["references"]:
            reference["id"] = reference["id"].replace("city-signals", "city-cells")
    for key in (TODAY, ISSUES, SOURCES):
        about = export.find(key)["attributes"]
        about["panelsJSON"] = about["panelsJSON"].replace("city-signals", "city-cells")


column_change("operation-unknown", SOURCES, "篇数与去重后的篇数", "m1", operationType="cardinality")
column_change("field-unknown", TODAY, HOURLY, "m0", sourceField="Records")
column_change("field-unknown", ISSUES, "议题热度", "m0", sourceField="warmth")
column_change("field-not-aggregatable", ISSUES, "议题热度", "b0", sourceField="title")
column_change("field-not-aggregatable", ISSUES, "媒体", "b0", sourceField="url")
column_change("field-of-wrong-type", ISSUES, "议题热度", "m0", sourceField="title.keyword")
column_change("field-of-wrong-type", HANDLING, "签收用时（中位数）", "m0", sourceField="state")
column_change("data-type-wrong", ISSUES, "议题一览", "b0", dataType="string")
column_change("bucket-flag-wrong", QUALITY, "关系标签", "b0", isBucketed=False)
column_change("scale-wrong", QUALITY, "关系标签", "b0", scale="ordinal")
column_change("time-shift-unreadable", TODAY, HOURLY, "m1", timeShift="last week")
column_change("time-shift-without-time", TODAY, "迟到的信源", "m0", timeShift="1w")
column_change("query-unreadable", TODAY, SHARE, "m0X0", filter={"query": "sentiment: (negative", "language": "kuery"})
column_change("query-field-unknown", TODAY, SHARE, "m0X0", filter={"query": "mood: negative", "language": "kuery"})
column_change("query-field-not-searchable", TODAY, SHARE, "m0X0", filter={"query": "url: *", "language": "kuery"})
column_change("query-unquoted", TODAY, SHARE, "m0X0", filter={"query": "text: 不起诉", "language": "kuery"})
column_change("query-value-wrong", TODAY, SHARE, "m0X0", filter={"query": "needs_answer: 是", "language": "kuery"})
parameter_change("interval-unreadable", QUALITY, "关系标签", "b0", interval="daily")
parameter_change("order-unknown", ISSUES, "议题热度", "b0", orderBy={"type": "column", "columnId": "m5"})
parameter_change("order-by-bucket", ISSUES, "议题热度", "b0", orderBy={"type": "column", "columnId": "b0"})
parameter_change("order-by-formula", SOURCES, "各媒体", "b0", orderBy={"type": "column", "columnId": "m2"})
parameter_change("terms-size", ISSUES, "议题热度", "b0", size=10_000)
parameter_change("percentile-outside", HANDLING, "各等级的签收用时", "m1", percentile=100)
parameter_change("groups-missing", QUALITY, "把握的分布走势", "b1", filters=[])
parameter_change("range-empty", QUALITY, "哪种关系拿不准", "b0", ranges=[{"label": "低", "from": 0.6, "to": 0.6}])
parameter_change("formula-broken", TODAY, SHARE, "m0", isFormulaBroken=True)


# --- data views and saved searches


@breaks("view-not-of-office")
def another_offices_alias(export: Export) -> None:
    export.find("items")["attributes"]["title"] = "office-district-items"


@breaks("view-not-of-office")
def every_offices_indices(export: Export) -> None:
    export.find("items")["attributes"]["title"] = "items-*"


@breaks("view-unknown")
def a_view_of_the_desks_audit(export: Export) -> None:
    found = export.find("sources")
    title = "office-city-audit"
    export.objects.append({**found, "id": "tingjian-city-audit", "attributes": {**found["attributes"], "title": title}})


@breaks("time-field-no-date")
def a_time_field_that_is_none(export: Export) -> None:
    export.find("items")["attributes"]["timeFieldName"] = "level"


@breaks("runtime-field")
def a_runtime_field(export: Export) -> None:
    with export.edit("items") as view:
        view["attributes"]["runtimeFieldMap"]["author"] = {"type": "keyword"}


@breaks("view-field-unknown")
def a_label_of_no_field(export: Export) -> None:
    with export.edit("items") as view:
        view["attributes"]["fieldAttrs"]["author"] = {"customLabel": "作者"}


@breaks("search-column-unknown")
def a_column_of_no_field(export: Export) -> None:
    export.find("red-orange")["attributes"]["columns"].append("author")


@breaks("search-sort-impossible")
def a_sort_by_text(export: Export) -> None:
    export.find("red-orange")["attributes"]["sort"] = [["title", "asc"]]


@breaks("query-unquoted")
def a_search_that_forgets_the_quotes(export: Export) -> None:
    with export.edit("teach-phrase") as search:
        search["attributes"]["kibanaSavedObjectMeta"]["searchSourceJSON"]["query"]["query"] = "text: 不起诉"


# Which further rule an error breaks by its nature.
ALSO = {
    "data-type-wrong": {"field-of-wrong-type", "field-not-aggregatable"},
    "reference-dangling": {"panel-reference-dangling"},
    "accessor-unknown": {"column-not-shown"},
    "bucket-flag-wrong": {"accessor-of-wrong-sort", "metric-before-bucket"},
    "field-of-wrong-type": {"data-type-wrong"},
    "view-unknown": {"chart-without-view"},
    "chart-without-view": {"view-unknown"},
    "formula-without-math": {"column-not-shown", "helper-shown"},
    "formula-helper-missing": {"column-not-shown"},
    "panel-reference-missing": {"reference-unused"},
    "panel-key-twice": {"reference-unused"},
    "panel-outside": {"panels-overlap"},
}


def test_what_we_build_breaks_no_rule(export: Export) -> None:
    assert export.problems() == []


@pytest.mark.parametrize(("rule", "spoil"), SPOILT, ids=[f"{rule}: {spoil.__name__}" for rule, spoil in SPOILT])
def test_a_spoilt_export_is_refused_by_name(rule: str, spoil: Spoil, export: Export) -> None:
    spoil(export)
    rules = export.rules()
    assert rule in rules
    assert rules <= {rule} | ALSO.get(rule, set())


def test_there_are_enough_of_them() -> None:
    assert len(SPOILT) >= 30 and len({rule for rule, _ in SPOILT}) >= 30
