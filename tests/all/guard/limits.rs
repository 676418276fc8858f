//! LIM: who may ask how often, and how much of it.

use futures_util::StreamExt;
use reqwest::Method;
use serde_json::json;

use crate::ground::Ground;
use crate::ground::app::{App, Door, Reply, config};
use crate::ground::on_both;
use crate::ground::spawned::free_address;

on_both!(
    lim_1_an_address_has_one_budget_whatever_it_says_of_itself,
    lim_1_a_network_of_ipv6_is_one_caller,
    lim_1_a_site_of_ipv6_has_a_wider_budget_for_all_its_networks,
    lim_1_a_path_that_is_none_spends_from_the_address_and_is_told_summed,
    bf_8_a_proxy_that_nobody_declared_is_told_of_once_an_hour,
    lim_2_many_spoofed_addresses_cost_nobody_else,
    lim_3_names_of_any_length_are_refused_before_they_are_remembered,
    lim_3_made_up_names_take_no_more_room_than_there_is,
    lim_3_made_up_words_name_no_series_of_numbers,
    lim_4_long_lists_are_refused_shortly,
    lim_5_one_byte_more_than_the_limit_is_too_much,
);

async fn limited(ground: Ground, trusted: bool) -> (App, Door) {
    let mut config = config(&ground);
    config.limits.address_per_minute = 8.try_into().unwrap();
    if trusted {
        config.proxies.trusted = vec!["127.0.0.0/8".parse().unwrap()];
    }
    let app = App::with(ground, config).await;
    let door = app.native("a").await;
    (app, door)
}

async fn from(app: &App, door: &Door, method: Method, address: &str) -> Reply {
    let request = app.request(door, method, "/multitenant/current");
    Reply::of(request.header("x-forwarded-for", address)).await
}

async fn lim_1_an_address_has_one_budget_whatever_it_says_of_itself(ground: Ground) {
    let (app, door) = limited(ground, false).await;
    for at in 0..8 {
        assert_eq!(from(&app, &door, Method::GET, &format!("198.51.100.{at}")).await.status, 200);
    }

    for address in ["203.0.113.1", "", "junk", "127.0.0.1", "::1", "fe80::1%eth0"] {
        for method in [Method::GET, Method::OPTIONS, Method::POST] {
            let reply = from(&app, &door, method, address).await;
            assert_eq!((reply.status.as_u16(), reply.key()), (429, "server.internal.rateLimit"));
            assert!(reply.headers["retry-after"].to_str().unwrap().parse::<u64>().unwrap() >= 1);
        }
    }
    assert_eq!(app.get(&door, "/nowhere").await.status, 429, "what is not there has the same limit");
    app.advance(60);
    assert_eq!(app.get(&door, "/multitenant/current").await.status, 200);
}

async fn lim_1_a_network_of_ipv6_is_one_caller(ground: Ground) {
    let (app, door) = limited(ground, true).await;
    for at in 0..8 {
        let address = format!("2001:db8:1:2:{at}::{at}");
        assert_eq!(from(&app, &door, Method::GET, &address).await.status, 200);
    }

    assert_eq!(from(&app, &door, Method::GET, "2001:db8:1:2:ffff::9").await.status, 429);
    assert_eq!(from(&app, &door, Method::OPTIONS, "2001:db8:1:2:ffff::9").await.status, 429);
    assert_eq!(from(&app, &door, Method::GET, "2001:db8:1:3::1").await.status, 200);
}

async fn lim_1_a_site_of_ipv6_has_a_wider_budget_for_all_its_networks(ground: Ground) {
    let (app, door) = limited(ground, true).await;
    let mut statuses = Vec::new();
    for subnet in 0..70 {
        statuses
            .push(from(&app, &door, Method::GET, &format!("2001:db8:7:{subnet:x}::1")).await.status.as_u16());
    }

    let elsewhere = from(&app, &door, Method::GET, "2001:db8:8::1").await;

    assert_eq!((statuses[..64].to_vec(), statuses[64..].to_vec()), (vec![200; 64], vec![429; 6]));
    assert_eq!(elsewhere.status, 200);
}

async fn lim_1_a_path_that_is_none_spends_from_the_address_and_is_told_summed(ground: Ground) {
    let (app, door) = limited(ground, false).await;
    let flood = app.running.house.flood.clone();
    let due = |what| flood.due(what, app.clock.now(), std::time::Duration::from_secs(1));

    let mut statuses = Vec::new();
    for at in 0..12 {
        statuses.push(app.get(&door, &format!("/nothing/{at}")).await.status.as_u16());
    }
    app.advance(1);

    assert_eq!(statuses, [[404; 8].as_slice(), &[429; 4]].concat());
    // One line was written for each; the others wait to be summed, with this one.
    assert_eq!((due("router.nowhere"), due("server.internal.rateLimit")), (Some(8), Some(4)));
}

async fn bf_8_a_proxy_that_nobody_declared_is_told_of_once_an_hour(ground: Ground) {
    let (app, door) = limited(ground, false).await;
    let flood = app.running.house.flood.clone();
    let due = || flood.due("undeclaredProxy", app.clock.now(), std::time::Duration::from_secs(3600));

    app.get(&door, "/multitenant/current").await;
    from(&app, &door, Method::GET, "198.51.100.1").await;
    let within = due();
    app.advance(3600);

    assert_eq!((within, due()), (None, Some(2)));
}

async fn lim_2_many_spoofed_addresses_cost_nobody_else(ground: Ground) {
    let (app, door) = limited(ground, true).await;
    for at in 0..8 {
        from(&app, &door, Method::GET, &format!("203.0.113.7, 192.0.2.{at}, 198.51.100.1")).await;
    }

    let spoofed = from(&app, &door, Method::GET, "192.0.2.200, 198.51.100.1").await;
    let honest = from(&app, &door, Method::GET, "198.51.100.2").await;

    assert_eq!((spoofed.status.as_u16(), honest.status.as_u16()), (429, 200));
    let limiter = &app.running.house.limiter;
    let before = limiter.bytes();
    for at in 0..100_000_u32 {
        let _ = limiter.spend("address", &at.to_be_bytes(), 1);
        drop(limiter.in_flight(&at.to_be_bytes(), 2));
    }
    assert!(limiter.bytes() == before && before <= 64_000_000, "{before} and then {}", limiter.bytes());
    assert_eq!(limiter.guarded(), 0);
    assert_eq!(from(&app, &door, Method::GET, "198.51.100.1").await.status, 429, "forgotten among many");
}

async fn lim_3_names_of_any_length_are_refused_before_they_are_remembered(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.browser("a").await;
    let long = "x".repeat(9_000);
    let doors = [
        (Door { host: long.clone(), ..door.clone() }, 400),
        (Door { client: long.clone(), ..door.clone() }, 400),
        (Door { origin: Some(format!("https://{long}")), ..door.clone() }, 403),
    ];

    for (door, status) in doors {
        assert_eq!(app.get(&door, "/multitenant/current").await.status, status);
    }
    let house = &app.running.house;
    assert!(house.app(&"y".repeat(400)).await.unwrap().is_none());
    assert!(house.tenant_at(&"y".repeat(400)).await.unwrap().is_none());
    assert!(house.apps_listing(&"y".repeat(400)).await.unwrap().is_empty());
    assert!(house.tenant_issuing(&"y".repeat(400)).await.unwrap().is_none());
    assert!(!house.has_pages_at(&"y".repeat(400)).await.unwrap());
    assert!(house.names_known() < 10, "{}", house.names_known());
}

/// What may be remembered of names that callers make up: of each sort what its memory holds, and not one more.
const KNOWN: usize = 3 * 8_192 + 1_024;

async fn lim_3_made_up_names_take_no_more_room_than_there_is(ground: Ground) {
    let app = App::start(ground).await;
    let house = &app.running.house;

    for thousand in 0..12 {
        let asked = (0..1_000).map(|one| async move {
            let name = format!("n{thousand}-{one}.example");
            house.tenant_at(&name).await.unwrap();
            house.tenant_issuing(&name).await.unwrap();
            house.app(&name).await.unwrap();
            house.apps_listing(&format!("https://{name}")).await.unwrap();
        });
        futures_util::stream::iter(asked).buffer_unordered(8).collect::<Vec<()>>().await;
    }

    assert!(house.names_known() <= KNOWN, "{}", house.names_known());
    assert!(house.names_known() > 8_192, "so many were asked for");
}

async fn lim_3_made_up_words_name_no_series_of_numbers(ground: Ground) {
    let mut settings = config(&ground);
    settings.server.metrics_listen = free_address().parse().unwrap();
    let numbers = format!("http://{}/metrics", settings.server.metrics_listen);
    let app = App::with(ground, settings).await;
    let door = app.native("a").await;

    for at in 0..50 {
        let word = format!("made-up-{at}");
        let method = Method::from_bytes(format!("MADE-UP-{at}").as_bytes()).unwrap();
        let request = app.request(&door, method, &format!("/{word}/{word}?{word}={word}"));
        Reply::of(request.header("user-agent", &word).header("accept-language", &word)).await;
        for door in [
            Door { host: format!("{word}.example"), ..door.clone() },
            Door { client: word.clone(), ..door.clone() },
            Door { origin: Some(format!("https://{word}.example")), ..door.clone() },
        ] {
            app.get(&door, "/multitenant/current").await;
        }
    }

    let shown = reqwest::get(numbers).await.unwrap().text().await.unwrap();
    assert!(shown.contains("doorward_refusals_total"), "{shown}");
    assert!(!shown.to_lowercase().contains("made-up-"), "{shown}");
}

async fn lim_4_long_lists_are_refused_shortly(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let members = |count: usize| {
        let each: Vec<String> = (0..count).map(|at| format!("\"m{at}\":1")).collect();
        format!("{{{}}}", each.join(","))
    };
    let list = format!("{{\"refreshToken\":[{}1]}}", "1,".repeat(30_000));

    for (body, status) in [(members(10_000), 413), (members(5_000), 422), (list, 422)] {
        let request = app.request(&door, Method::POST, "/auth/refresh-tokens");
        let reply = Reply::of(request.header("content-type", "application/json").body(body)).await;
        assert_eq!(reply.status, status, "{}", reply.text);
        // Whoever sends a lot is not answered with a lot.
        assert!(reply.text.len() < 1_000, "{}", reply.text);
    }
    let query = "a=1&".repeat(1_500);
    let reply = app.get(&door, &format!("/multitenant/current?{query}")).await;
    assert_eq!(reply.status, 400, "{}", reply.text);
    let crowd = (0..300).fold(app.request(&door, Method::GET, "/multitenant/current"), |request, at| {
        request.header(format!("x-{at}"), "1")
    });
    assert_eq!(Reply::of(crowd).await.status, 431);
}

async fn lim_5_one_byte_more_than_the_limit_is_too_much(ground: Ground) {
    let app = App::start(ground).await;
    let door = app.native("a").await;
    let body = |length: usize| {
        let frame = json!({ "refreshToken": "" }).to_string().len();
        json!({ "refreshToken": "x".repeat(length - frame) }).to_string()
    };
    let posted = |length: usize| {
        let request = app.request(&door, Method::POST, "/auth/refresh-tokens");
        Reply::of(request.header("content-type", "application/json").body(body(length)))
    };
    assert_eq!(
        (posted(65_536).await.status, posted(65_537).await.status),
        (401.try_into().unwrap(), 413.try_into().unwrap())
    );

    let path = "/multitenant/current?";
    let asked = |length: usize| format!("{path}{}", "x".repeat(length - path.len()));
    assert_eq!(app.get(&door, &asked(8192)).await.status, 422);
    let long = app.get(&door, &asked(8193)).await;
    assert_eq!((long.status.as_u16(), long.key()), (414, "error.server.urlTooLong"));

    let headed = |length: usize| {
        let request = app.request(&door, Method::GET, "/multitenant/current");
        Reply::of(request.header("x-filler", "x".repeat(length)))
    };
    assert_eq!(headed(15_000).await.status, 200);
    let over = headed(16_384).await;
    assert_eq!((over.status.as_u16(), over.key()), (431, "error.server.headersTooLarge"));
    assert_eq!(over.headers["content-type"], "application/problem+json");
    assert_eq!(app.get(&door, "/multitenant/current").await.status, 200);
}
