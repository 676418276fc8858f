//! What the gate lets in and what it refuses.

use crate::ground::Ground;
use crate::ground::app::App;
use crate::ground::on_both;

on_both!(a_tenant_is_found_by_its_host_and_told_of_itself, without_a_token_a_session_route_is_closed);

async fn a_tenant_is_found_by_its_host_and_told_of_itself(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;

    let reply = app.get(&door, "/multitenant/current").await;

    assert_eq!(reply.status, 200, "{}", reply.text);
    assert_eq!(reply.json["tenant"]["name"], "a");
}

async fn without_a_token_a_session_route_is_closed(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;

    let reply = app.get(&door, "/api/v1/session/list").await;

    assert_eq!((reply.status.as_u16(), reply.key()), (401, "sessionStore.verifyAndDecodeJWT.missingToken"));
}
