//! Signing up, logging in, codes, forgotten passwords and changed addresses.

use reqwest::Method;
use serde_json::json;

use super::{AT, CANARY, Tour, has_code_alone, has_link, password};
use crate::account::token;
use crate::ground::app::Reply;

impl Tour<'_> {
    /// Proven by a code, by a link, and by a page. Gives the address of the first.
    pub(super) async fn sign_ups(&mut self) -> String {
        let [ada, eve, joe] = ["ada", "eve", "joe"].map(|name| self.address(name));
        let asked =
            self.post(&format!("{AT}/sign-up"), json!({ "email": ada, "password": password(1) })).await;
        let code = self.mail(&ada, has_link).await.code();
        let proof = |code: &str| json!({ "email": ada, "requestId": asked.says("requestId"), "code": code });
        let wrong = if code == "00000000" { "00000001" } else { "00000000" };
        self.post("/auth/password-based/verify-email", proof(wrong)).await;
        self.post("/auth/password-based/verify-email", json!({ "verifyToken": CANARY })).await;
        let verified = self.post("/auth/password-based/verify-email", proof(&code)).await;
        assert_eq!(verified.status, 200, "{}", verified.text);

        self.post(&format!("{AT}/sign-up"), json!({ "email": eve, "password": password(1) })).await;
        self.mail(&eve, has_link).await;
        self.post(&format!("{AT}/resend-verification"), json!({ "email": eve })).await;
        let link = token(&self.mail(&eve, has_link).await);
        let pending = self.post(&format!("{AT}/verify-email"), json!({ "verifyToken": link })).await;
        let set = json!({ "password": password(2) });
        self.done(pending.says("accessToken"), &format!("{AT}/update-password"), set).await;

        self.post(&format!("{AT}/sign-up"), json!({ "email": joe, "password": password(1) })).await;
        let link = token(&self.mail(&joe, has_link).await);
        self.page("/account/verify", &[("token", &link), ("password", &password(3))]).await;
        ada
    }

    pub(super) async fn logins(&mut self, ada: &str) {
        let login = "/auth/password-based/login";
        self.post(login, json!({ "email": ada, "password": format!("{CANARY}-wrong") })).await;
        self.post(login, json!({ "email": self.address("nobody"), "password": password(1) })).await;
        let right = json!({ "email": ada, "password": password(1) });
        let known = self.post(login, right.clone()).await;
        let again =
            json!({ "email": ada, "password": password(1), "knownDevice": known.says("knownDevice") });
        let pair = self.post(login, again).await;
        let refresh = json!({ "refreshToken": pair.says("refreshToken") });
        let request = self.request(&self.native.clone(), Method::POST, "/auth/refresh-tokens").json(&refresh);
        self.ask(request.header("idempotency-key", format!("{CANARY}-idempotency"))).await;
        self.post("/auth/logout", refresh).await;

        let browser = self.browser.clone();
        let entered = self.request(&browser, Method::POST, login).json(&right);
        let entered = self.ask(entered).await;
        let cookie = format!("__Host-dw-a-web={}", entered.cookie("__Host-dw-a-web").unwrap());
        for path in ["/auth/refresh-tokens", "/auth/logout"] {
            let request = self.request(&browser, Method::POST, path).header("cookie", &cookie);
            let reply = self.ask(request.json(&json!({}))).await;
            assert_eq!(reply.status, 200, "{path}: {}", reply.text);
        }
    }

    /// As a client of Feathers logs in, goes on and leaves.
    pub(super) async fn strategies(&mut self, ada: &str) {
        let at = "/api/v1/authentication";
        let local = json!({ "strategy": "local", "email": ada, "password": password(1) });
        let entered = self.post(at, local).await;
        let jwt = json!({ "strategy": "jwt", "accessToken": entered.says("accessToken") });
        let again = self.post(at, jwt).await;
        assert_eq!(again.status, 201, "{}", again.text);
        let leave = self.request(&self.native.clone(), Method::DELETE, at);
        let left = self.ask(leave.bearer_auth(again.says("accessToken"))).await;
        assert_eq!(left.status, 200, "{}", left.text);
    }

    async fn log_in(&mut self, email: &str, password: &str) -> Reply {
        let reply = self.post(&format!("{AT}/login"), json!({ "email": email, "password": password })).await;
        assert_eq!(reply.status, 200, "{}", reply.text);
        reply
    }

    pub(super) async fn codes(&mut self, ada: &str) {
        let access = self.log_in(ada, &password(1)).await.says("accessToken").to_owned();
        let confirmed = json!({ "currentPassword": password(1) });
        self.done(&access, &format!("{AT}/enable-otp"), confirmed.clone()).await;
        let pending = self.log_in(ada, &password(1)).await.says("accessToken").to_owned();
        self.mail(ada, has_code_alone).await;
        let asked = self.done(&pending, &format!("{AT}/resend-otp"), json!({})).await;
        let code = self.mail(ada, has_code_alone).await.code();
        let proof = |otp: &str| json!({ "otp": otp, "requestId": asked.says("requestId") });
        let wrong = if code == "00000000" { "00000001" } else { "00000000" };
        self.post_as(&pending, "/auth/password-based/verify-otp", proof(wrong)).await;
        let entered = self.done(&pending, "/auth/password-based/verify-otp", proof(&code)).await;
        self.done(entered.says("accessToken"), &format!("{AT}/disable-otp"), confirmed).await;
    }

    /// Changed, forgotten and set by a code, forgotten and set on a page. Gives the one that counts then.
    pub(super) async fn passwords(&mut self, ada: &str) -> String {
        let access = self.log_in(ada, &password(1)).await.says("accessToken").to_owned();
        let wrong = json!({ "currentPassword": password(99), "password": password(4) });
        self.post_as(&access, "/auth/password-based/update-password", wrong).await;
        let change = json!({ "currentPassword": password(1), "password": password(4) });
        self.done(&access, "/auth/password-based/update-password", change).await;

        let asked = self.post("/auth/password-based/forgot-password", json!({ "email": ada })).await;
        let code = self.mail(ada, has_link).await.code();
        let request = asked.says("requestId");
        let set = json!({ "email": ada, "requestId": request, "code": code, "password": password(5) });
        let reply = self.post("/auth/password-based/reset-password", set.clone()).await;
        let twice = self.post("/auth/password-based/reset-password", set).await;
        assert_eq!((reply.status.as_u16(), twice.status.as_u16()), (200, 401), "{}", reply.text);

        self.post("/auth/password-based/forgot-password", json!({ "email": ada })).await;
        let link = token(&self.mail(ada, has_link).await);
        self.page("/account/reset", &[("token", &link), ("password", &password(6))]).await;
        password(6)
    }

    pub(super) async fn addresses(&mut self, ada: &str, known: &str) {
        let access = self.log_in(ada, known).await.says("accessToken").to_owned();
        let new = self.address("anew");
        let wrong = json!({ "email": new, "password": password(99) });
        self.post_as(&access, "/auth/password-based/update-email", wrong).await;
        let asked = json!({ "email": new, "password": known });
        let asked = self.done(&access, "/auth/password-based/update-email", asked).await;
        let code = self.mail(&new, has_link).await.code();
        let proof = json!({ "email": new, "requestId": asked.says("requestId"), "code": code });
        let confirmed = self.post(&format!("{AT}/confirm-email"), proof).await;
        let undo = token(&self.mail(ada, has_link).await);
        let undone = self.post(&format!("{AT}/undo-email"), json!({ "token": undo })).await;
        assert_eq!((confirmed.status.as_u16(), undone.status.as_u16()), (200, 200), "{}", confirmed.text);
    }
}
