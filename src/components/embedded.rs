//! The house's own templates, compiled in: name and source.

/// A mail's three parts, under `mail/<room>/<name>/`.
macro_rules! templates {
    (mails: $($mail:literal)* ; pages: $($page:literal)*) => {
        pub const TEMPLATES: &[(&str, &str)] = &[
            ("mail/layout.html", include_str!("../../mail-templates/layout.html")),
            ("mail/layout.txt", include_str!("../../mail-templates/layout.txt")),
            ("mail/parts.html", include_str!("../../mail-templates/parts.html")),
            $(
                (concat!("mail/", $mail, "/subject.txt"), include_str!(concat!("../../mail-templates/", $mail, "/subject.txt"))),
                (concat!("mail/", $mail, "/text.txt"), include_str!(concat!("../../mail-templates/", $mail, "/text.txt"))),
                (concat!("mail/", $mail, "/html.html"), include_str!(concat!("../../mail-templates/", $mail, "/html.html"))),
            )*
            $((concat!("page/", $page), include_str!(concat!("../../pages/", $page))),)*
        ];
    };
}

templates! {
    mails:
        "password/verify_address" "password/already_have_account" "password/logins_held"
        "password/reset_password" "password/password_changed" "users/confirm_email" "users/email_changed" "users/account_disabled"
        "sessions/login_code" "sessions/refresh_reused" "sessions/new_device" "tenancy/invitation"
        "tenancy/owner_invitation" "actions/notice";
    pages:
        "layout.html" "ask.html" "password.html" "done.html" "refused.html" "error.html" "doorstep.html" "dev/layout.html"
        "dev/home.html" "dev/inbox.html" "dev/mail.html" "dev/requests.html" "dev/request.html"
}
