//! People of another system: taken over with their hashes, line by line, from files that nobody has looked at.

use diesel::prelude::*;
use doorward::db::schema::{audit_records, login_identifiers, password_logins, users};
use serde_json::{Value, json};

use crate::ground::Ground;
use crate::ground::binary::{Installation, Ran, Running};
use crate::ground::on_both;
use crate::recipes::block;

on_both!(
    the_pages_example_works_line_by_line,
    pw_7_who_came_over_logs_in_with_the_old_password_and_the_hash_is_upgraded,
    a_second_run_makes_nobody_twice_and_changes_nobody,
    each_bad_line_is_named_and_the_others_go_in,
    an_address_that_stands_twice_is_made_once_in_every_batch,
    a_dry_run_sees_the_same_and_changes_nothing,
    a_run_that_stops_at_an_error_keeps_what_stands_before_it,
    a_hash_that_asks_for_too_much_is_refused,
    the_tenant_and_the_file_must_be_there,
);

const PASSWORD: &str = "seven lamps over quiet water";
const PAGE: &str = "docs/import-users.md";

fn installed(ground: &Ground) -> Installation {
    let installation = Installation::on(ground);
    let tenant = |name: &str| {
        format!(
            "[[tenants]]\nname = '{name}'\ndisplay_name = '{name}'\npublic_url = {{ test = 'http://{name}.localhost' }}\n\
             [[tenants.clients]]\npublic_id = '{name}-web'\nname = 'Web'\nkind = 'browser'\ndefault = true\n\
             [[tenants.clients]]\npublic_id = '{name}-app'\nname = 'App'\nkind = 'native'\n"
        )
    };
    installation.write("config/tenants.toml", &["library", "museum"].map(tenant).concat());
    assert_eq!(installation.run(&["tenants", "apply", "--yes"]).code, 0);
    installation
}

fn import(installation: &Installation, lines: &str, flags: &[&str]) -> Ran {
    installation.write("people.jsonl", lines);
    let words = ["users", "import", "people.jsonl", "--tenant", "library"];
    installation.run(&[&words, flags].concat())
}

fn person(email: &str) -> String {
    json!({ "email": email, "verified": true }).to_string()
}

/// Cheap, so that a test of an import is not one of bcrypt.
fn hash() -> String {
    bcrypt::hash(PASSWORD, 4).unwrap()
}

fn people(ground: &Ground) -> i64 {
    users::table.count().get_result(&mut ground.connect()).unwrap()
}

fn stored(ground: &Ground, email: &str) -> Option<String> {
    let row = password_logins::table.filter(password_logins::email.eq(email));
    row.select(password_logins::password_hash).get_result(&mut ground.connect()).unwrap()
}

async fn login(running: &Running, tenant: &str, email: &str) -> (u16, Value) {
    let url = format!("http://{}/api/v1/auth/password-based/login", running.address);
    let request = reqwest::Client::new().post(url).header("doorward-client", format!("{tenant}-app"));
    let answer = request.json(&json!({ "email": email, "password": PASSWORD })).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

async fn the_pages_example_works_line_by_line(ground: Ground) {
    let installation = installed(&ground);
    installation.write("people.jsonl", &block(PAGE, "jsonl"));
    installation.write("people.csv", &block(PAGE, "csv"));

    let commands = block(PAGE, "sh");
    let said = commands.lines().map(|line| {
        let words: Vec<&str> = line.split(' ').skip(1).collect();
        installation.run(&words).out
    });
    let said: String = said.collect();
    let running = installation.serve().await;

    assert_eq!(said, block(PAGE, "text"));
    for email in ["ada@example.com", "grace@example.com", "edsger@example.com"] {
        assert_eq!(login(&running, "library", email).await.0, 200, "{email}");
    }
    let unverified = login(&running, "library", "margaret@example.com").await;
    assert_eq!(unverified.0, 401, "{unverified:?}");
}

async fn pw_7_who_came_over_logs_in_with_the_old_password_and_the_hash_is_upgraded(ground: Ground) {
    let installation = installed(&ground);
    let ada = json!({ "email": "Ada@Example.com", "name": "Ada", "verified": true, "passwordHash": hash() });

    let imported = import(&installation, &ada.to_string(), &[]);
    let before = stored(&ground, "ada@example.com").unwrap();
    let running = installation.serve().await;
    let first = login(&running, "library", "ada@example.com").await;
    let after = stored(&ground, "ada@example.com").unwrap();

    assert_eq!((imported.code, imported.out.as_str()), (0, "1 made, 0 already there, 0 refused\n"));
    assert_eq!((first.0, &first.1["session"]["type"]), (200, &json!("user")), "{first:?}");
    assert!(before.starts_with("$2b$04$") && after.starts_with("$argon2id$"), "{before} {after}");
    assert_eq!(login(&running, "library", "ada@example.com").await.0, 200);
    assert_eq!(login(&running, "museum", "ada@example.com").await.0, 401, "another tenant let her in");
    let written = audit_records::table.filter(audit_records::action.eq("password.import")).count();
    assert_eq!(written.get_result::<i64>(&mut ground.connect()).unwrap(), 1);
}

async fn a_second_run_makes_nobody_twice_and_changes_nobody(ground: Ground) {
    let installation = installed(&ground);
    let line = |hash: &str| {
        json!({ "email": "ada@example.com", "verified": true, "passwordHash": hash }).to_string()
    };
    let (one, other) = (hash(), hash());

    let first = import(&installation, &line(&one), &[]);
    let second = import(&installation, &line(&other), &[]);

    assert_eq!(first.out, "1 made, 0 already there, 0 refused\n", "{first:?}");
    assert_eq!((second.code, second.out.as_str()), (0, "0 made, 1 already there, 0 refused\n"));
    assert_eq!((people(&ground), stored(&ground, "ada@example.com")), (1, Some(one)));
}

async fn each_bad_line_is_named_and_the_others_go_in(ground: Ground) {
    let installation = installed(&ground);
    let huge = format!("{{\"email\":\"{}@example.com\"}}", "x".repeat(70_000));
    let mut file = [person("ada@example.com"), huge].join("\n").into_bytes();
    file.extend(b"\n\n{\"email\":\"nul\\u0000@example.com\"}\n\xff\xfe\n{\"email\":\"a\0@example.com\"}\n");
    file.extend(
        b"{\"email\":\"eve@example.com\",\"isAdmin\":true}\n{\"email\":\"eve\"}\n[\n{\"name\":\"Eve\"}\n",
    );
    file.extend(person("bob@example.com").bytes());
    std::fs::write(installation.path("people.jsonl"), file).unwrap();

    let ran = installation.run(&["users", "import", "people.jsonl", "--tenant", "library"]);

    let named: Vec<&str> = ran.err.lines().filter_map(|line| line.split(": ").nth(1)).collect();
    let wanted = [
        "import.line.tooLong",
        "import.line.json",
        "import.line.encoding",
        "import.line.nul",
        "import.line.member",
        "import.email.invalid",
        "import.line.json",
        "import.email.missing",
    ];
    assert_eq!(named, wanted, "{}", ran.err);
    let numbers: Vec<&str> = ran.err.lines().filter_map(|line| line.split([' ', ':']).nth(1)).collect();
    assert_eq!(numbers, ["2", "4", "5", "6", "7", "8", "9", "10"]);
    assert_eq!((ran.code, ran.out.as_str()), (6, "2 made, 0 already there, 8 refused\n"));
    assert_eq!(people(&ground), 2);
}

async fn an_address_that_stands_twice_is_made_once_in_every_batch(ground: Ground) {
    let installation = installed(&ground);
    let mut lines: Vec<String> = (0..250).map(|n| person(&format!("user{n}@example.com"))).collect();
    lines.insert(3, person("USER0@example.com"));
    lines.push(person("user1@example.com"));

    let ran = import(&installation, &lines.join("\n"), &[]);
    let again = import(&installation, &lines.join("\n"), &[]);

    assert_eq!((ran.code, ran.out.as_str()), (6, "250 made, 0 already there, 2 refused\n"), "{}", ran.err);
    assert!(ran.err.contains("line 4: import.email.twice: user0@example.com: "), "{}", ran.err);
    assert!(ran.err.contains("line 252: import.email.twice: user1@example.com: "), "{}", ran.err);
    assert_eq!((again.code, again.out.as_str()), (0, "0 made, 252 already there, 0 refused\n"));
    assert_eq!(people(&ground), 250);
}

async fn a_dry_run_sees_the_same_and_changes_nothing(ground: Ground) {
    let installation = installed(&ground);
    let mut lines: Vec<String> = (0..150).map(|n| person(&format!("user{n}@example.com"))).collect();
    lines.extend([person("user0@example.com"), "{}".to_owned()]);

    let dry = import(&installation, &lines.join("\n"), &["--dry-run"]);
    let untouched = people(&ground);
    let wet = import(&installation, &lines.join("\n"), &[]);

    let told = "150 would be made, 0 already there, 2 refused (a dry run: nothing was changed)\n";
    assert_eq!((dry.code, dry.out.as_str(), untouched), (6, told, 0), "{}", dry.err);
    assert_eq!((wet.code, wet.err), (6, dry.err));
    assert_eq!(people(&ground), 150);
}

async fn a_run_that_stops_at_an_error_keeps_what_stands_before_it(ground: Ground) {
    let installation = installed(&ground);
    let lines = [person("ada@example.com"), person("bob"), person("eve@example.com")].join("\n");

    let ran = import(&installation, &lines, &["--stop-on-error"]);

    assert_eq!((ran.code, ran.out.as_str()), (1, "1 made, 0 already there, 1 refused\n"), "{}", ran.err);
    assert!(ran.err.ends_with("stopped at line 2; mend it, and run the same command again\n"), "{}", ran.err);
    let names = login_identifiers::table.select(login_identifiers::value);
    assert_eq!(names.load::<String>(&mut ground.connect()).unwrap(), ["ada@example.com"]);
}

async fn a_hash_that_asks_for_too_much_is_refused(ground: Ground) {
    let installation = installed(&ground);
    let line = |number: usize, hash: &str| {
        json!({ "email": format!("u{number}@example.com"), "passwordHash": hash }).to_string()
    };
    let hostile = [
        "$argon2id$v=19$m=4194304,t=2,p=1$MDEyMzQ1Njc4OWFiY2RlZg$CTFhFdXPJO1aFaMaO6Mm5c8y7cJHAph8ArZWb2GRPPc",
        "$2b$31$CCCCCCCCCCCCCCCCCCCCC.E5YPO9kmyuRGyh0XouQYb4YMJKvyOeW",
        "$scrypt$ln=30,r=8,p=1$MDEyMzQ1Njc4OWFiY2RlZg$i8h9kYFGkK/GZ7wZW1idFBnxh69K78iTYX26CY6zaHA",
        "pbkdf2_sha256$4000000000$seasalt$VC0Cp3c9CIVoZlZusK58I4EyeJbg0vMUBpmH0mfUg8o=",
        "plaintext",
    ];
    let lines: Vec<String> = hostile.iter().enumerate().map(|(number, hash)| line(number, hash)).collect();

    let ran = import(&installation, &lines.join("\n"), &[]);

    assert_eq!((ran.code, ran.out.as_str()), (6, "0 made, 0 already there, 5 refused\n"), "{}", ran.err);
    assert!(ran.err.lines().all(|line| line.contains("import.passwordHash.refused")), "{}", ran.err);
    assert!(!ran.err.contains('$') && !ran.err.contains("plaintext"), "a hash was told: {}", ran.err);
    assert_eq!(people(&ground), 0);
}

async fn the_tenant_and_the_file_must_be_there(ground: Ground) {
    let installation = installed(&ground);
    installation.write("head.csv", "email,shoe size\nada@example.com,38\n");
    installation.write("twice.csv", "email,email\n");
    let said = |words: &[&str]| {
        let ran = installation.run(&[&["users", "import"], words].concat());
        assert_eq!(ran.code, 1, "{ran:?}");
        ran.err
    };

    let nobody = import(&installation, &person("ada@example.com"), &["--tenant", "nowhere"]);
    let wrong = installation.run(&["users", "import", "people.jsonl", "--tenant", "nowhere"]);

    assert_eq!(nobody.code, 2, "{nobody:?}");
    assert!(wrong.code == 1 && wrong.err.contains("There is no tenant called \"nowhere\""), "{wrong:?}");
    assert!(said(&["none.jsonl", "--tenant", "library"]).contains("none.jsonl: "));
    assert!(said(&["people.txt", "--tenant", "library"]).contains("say --format jsonl or --format csv"));
    assert!(said(&["head.csv", "--tenant", "library"]).contains("there is no column shoe size"));
    assert!(said(&["twice.csv", "--tenant", "library"]).contains("the column email stands twice"));
    assert_eq!(people(&ground), 0);
}
