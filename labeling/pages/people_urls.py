"""Addresses of people's pages: logging in, home, account, members, invitations."""

from django.urls import URLPattern, URLResolver, path

from labeling.pages import account, home, people

urlpatterns: list[URLPattern | URLResolver] = [
    path("", home.home, name="home"),
    path("login/", people.Login.as_view(), name="login"),
    path("logout/", people.Logout.as_view(), name="logout"),
    path("password/", people.ChangePassword.as_view(), name="password_change"),
    path("password/reset/", people.ResetPassword.as_view(), name="password_reset"),
    path("password/reset/sent/", people.ResetPasswordDone.as_view(), name="password_reset_done"),
    path(
        "password/new/<uidb64>/<token>/",
        people.NewPassword.as_view(),
        name="password_reset_confirm",
    ),
    path("account/", account.account, name="account"),
    path("account/profile/", account.save_profile, name="account_profile"),
    path("account/tokens/", account.new_token, name="account_tokens"),
    path("account/tokens/<uuid:uid>/revoke/", account.end_token, name="account_token_revoke"),
    path("account/sessions/end/", account.end_sessions, name="account_sessions_end"),
    path("invitation/<str:secret>/", people.invitation, name="invitation"),
    path("people/<slug:workspace>/", people.people, name="people"),
    path("people/<slug:workspace>/invitations/", people.create_invitation, name="people_invite"),
    path(
        "people/<slug:workspace>/invitations/<uuid:uid>/revoke/",
        people.withdraw_invitation,
        name="people_invitation_revoke",
    ),
    path("people/<slug:workspace>/<uuid:uid>/role/", people.change_role, name="people_role"),
    path("people/<slug:workspace>/<uuid:uid>/remove/", people.remove, name="people_remove"),
]
