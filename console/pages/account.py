"""账号: one's own password, and 人员 for administrators."""

from __future__ import annotations

from sqlalchemy import select
from starlette.responses import RedirectResponse, Response

from console.asking import Ask, forbidden, missing
from console.forms import drop_session_cookie
from pipeline.desk.accounts import (
    PASSWORD_MIN,
    ROLE_NAMES,
    create_user,
    disable_user,
    end_session,
    find_user,
    note_failure,
    password_fits,
    set_password,
    sign_in_link,
    sign_in_path,
    too_many_failures,
)
from pipeline.desk.audit import record
from pipeline.desk.tables import User
from pipeline.errors import Refused


def account(ask: Ask) -> Response:
    return _account(ask, done=ask.query.get("done") == "1")


def change_password(ask: Ask) -> Response:
    """The old one is asked for where there is one, and guessing it is limited as at sign-in."""
    new, again, old = (ask.form.get(n, "") for n in ("new_password", "again_password", "old_password"))
    with ask.desk.reading() as session:
        user = find_user(session, ask.viewer.name)
        locked = too_many_failures(session, ask.viewer.name, ask.now)
    if user is None:
        raise missing("这个账号")
    if user.password_hash and locked:
        return _account(ask, problem="试错次数太多，请 15 分钟后再试。")
    if user.password_hash and not password_fits(user.password_hash, old):
        with ask.desk.db.write() as session:
            note_failure(session, user, ask.now)
        return _account(ask, problem="原密码不对，没有更改。")
    if new != again:
        return _account(ask, problem="两次输入的新密码不一样，没有更改。")
    try:
        with ask.desk.db.write() as session:
            set_password(session, session.merge(user), new, ask.now, keep=ask.viewer.token_hash)
    except Refused as error:
        return _account(ask, problem=str(error))
    return RedirectResponse("/account?done=1", 303)


def sign_out(ask: Ask) -> Response:
    with ask.desk.db.write() as session:
        user = find_user(session, ask.viewer.name)
        if user is not None:
            end_session(session, ask.viewer.token_hash, user, ask.now)
    answer = RedirectResponse("/sign-in", 303)
    drop_session_cookie(answer, ask.desk.secure)
    return answer


def people(ask: Ask) -> Response:
    _only_admin(ask)
    ask.looked("view", "page:people")
    return _people(ask)


def change_people(ask: Ask) -> Response:
    """Create an account, disable one, or hand out a sign-in link (shown once)."""
    _only_admin(ask)
    name, what = ask.form.get("name", ""), ask.form.get("what", "")
    link = ""
    try:
        with ask.desk.db.write() as session:
            if what == "create":
                offices = [o.id for o in ask.desk.home.offices if ask.form.get(f"office-{o.id}")]
                shown, role = ask.form.get("display_name", ""), ask.form.get("role", "")
                user = create_user(session, name, shown, role, offices, ask.now, ask.viewer.name)
            else:
                found = find_user(session, name)
                if found is None:
                    raise missing("这个账号")
                user = found
            if what == "disable":
                if user.name == ask.viewer.name:
                    raise Refused("不能停用自己的账号")
                disable_user(session, user, ask.now, ask.viewer.name)
            else:
                link = ask.desk.home.desk_url + sign_in_path(sign_in_link(session, user, ask.now))
                record(session, ask.now, ask.viewer.name, user.office_ids, "sign_in_link", f"user:{user.name}")
    except Refused as error:
        return _people(ask, problem=str(error))
    return _people(ask, link=link, link_for=user.display_name)


def _only_admin(ask: Ask) -> None:
    if not ask.viewer.admin:
        raise forbidden("人员只有管理员能管理。")


def _account(ask: Ask, problem: str = "", done: bool = False) -> Response:
    offices = [ask.desk.office_name(o) for o in ask.viewer.office_ids]
    return ask.page(
        "account.html", 422 if problem else 200, problem=problem, done=done, offices=offices, least=PASSWORD_MIN
    )


def _people(ask: Ask, problem: str = "", link: str = "", link_for: str = "") -> Response:
    with ask.desk.reading() as session:
        users = session.scalars(select(User).order_by(User.disabled_at.is_not(None), User.name)).all()
    return ask.page(
        "people.html",
        422 if problem else 200,
        problem=problem,
        users=users,
        roles=ROLE_NAMES,
        link=link,
        link_for=link_for,
    )
