"""Changes that can undo a decision are recognised by the words registries use; spelling alone is no change."""

from __future__ import annotations

from datetime import UTC, date, datetime

import pytest

from gateway.ports.registry import RegistrationRecord
from gateway.rooms.entities.changes import Alert, alert_of, differences, is_history, reflects, topic_of

RECORD = RegistrationRecord(
    uscc="91990102MA0HD1233R",
    name="恒筑建设有限公司",
    status="operating",
    raw_status="存续（在营、开业、在册）",
    entity_type="有限责任公司(自然人投资或控股)",
    category="organisation",
    legal_representative="石渡平",
    as_of=datetime(2026, 9, 14, 16, 30, tzinfo=UTC),
)


@pytest.mark.parametrize(
    ("item", "after", "alert"),
    [
        ("法定代表人变更", "齐远山", Alert.REPRESENTATIVE_CHANGED),
        ("负责人变更（法定代表人、负责人、首席代表）", "齐远山", Alert.REPRESENTATIVE_CHANGED),
        ("经营者变更", "罗巧云", Alert.REPRESENTATIVE_CHANGED),
        ("登记状态变更", "注销", Alert.DEREGISTERED),
        ("登记状态变更", "吊销，未注销", Alert.REVOKED),
        ("登记状态变更", "吊销,未注销", Alert.REVOKED),
        ("登记状态变更", "吊销，已注销", Alert.DEREGISTERED),
        ("登记状态变更", "简易注销公告中", Alert.DEREGISTRATION_ANNOUNCED),
        ("登记状态变更", "撤销登记", Alert.ANNULLED),
        ("登记状态变更", "已迁出", Alert.MOVED_OUT),
        ("注销登记", "", Alert.DEREGISTERED),
        ("清算组备案(注销备案)", "", Alert.DEREGISTRATION_ANNOUNCED),
        ("吊销营业执照", "", Alert.REVOKED),
        ("迁出登记", "", Alert.MOVED_OUT),
        ("登记状态变更", "存续", None),
        ("登记状态变更", "歇业", None),
        ("住所变更", "安澜市注销路1号", None),
        ("经营范围变更", "建筑工程施工", None),
    ],
)
def test_alerts_follow_the_words_of_registries(item, after, alert):
    assert alert_of(item, after) is alert


def test_the_same_news_from_feed_and_comparison_has_one_topic():
    assert topic_of("法定代表人变更", "甲") == topic_of("负责人变更", "乙")
    assert topic_of("住所变更", "甲") == topic_of(" 住所变更 ", "乙") != topic_of("名称变更", "乙")


def test_differences_name_what_changed_and_date_it_in_shanghai():
    after = RECORD.model_copy(update={"legal_representative": "齐远山", "address": "安澜市望川区长堤大道66号"})
    found = {change.item: (change.before, change.after) for change in differences(RECORD, after)}
    assert found == {"法定代表人变更": ("石渡平", "齐远山"), "住所变更": ("", "安澜市望川区长堤大道66号")}
    assert {str(change.changed_on) for change in differences(RECORD, after)} == {"2026-09-15"}


def test_another_spelling_of_the_same_state_is_no_difference():
    assert differences(RECORD, RECORD.model_copy(update={"raw_status": "在业"})) == ()
    assert differences(RECORD, RECORD.model_copy(update={"name": "恒筑建设 有限公司"})) == ()
    unknown = RECORD.model_copy(update={"status": "other", "raw_status": "甲"})
    assert len(differences(unknown, unknown.model_copy(update={"raw_status": "乙"}))) == 1


def test_news_is_what_the_record_does_not_show_yet():
    gone = RECORD.model_copy(update={"status": "deregistered", "raw_status": "注销"})
    assert reflects(RECORD, "法定代表人变更", " 石渡平")
    assert not reflects(RECORD, "法定代表人变更", "齐远山")
    assert reflects(gone, "登记状态变更", "吊销，已注销")
    assert reflects(gone, "注销登记", "")
    assert not reflects(RECORD, "登记状态变更", "注销")
    assert reflects(RECORD, "名称变更", "恒筑建设有限公司")
    assert not reflects(RECORD, "股东变更", "甲")
    assert not reflects(RECORD, "住所变更", "")


def test_only_what_a_slow_registry_would_have_told_by_now_is_history():
    assert is_history(RECORD, date(2026, 8, 15))
    assert not is_history(RECORD, date(2026, 8, 16))
