//! The tenants file, planned, applied and written back; suspension; a moved issuer.

use crate::ground::Ground;
use crate::ground::binary::Installation;
use crate::ground::on_both;

on_both!(
    a_plan_is_applied_and_what_is_exported_is_equal_to_it,
    what_the_file_lacks_is_left_until_one_prunes_and_tenants_are_never_taken_away,
    a_taken_host_an_edited_issuer_and_a_plan_nobody_agreed_to_are_refused,
    roles_of_the_file_are_added_to_and_taken_from_when_one_prunes,
    an_issuer_moves_by_its_own_command,
    a_server_client_gets_a_new_secret_and_no_other_does,
    ten_2_ten_9_a_suspended_tenant_answers_nobody_within_two_seconds_and_resumes,
    tenants_of_another_environment_take_that_environments_addresses,
);

const FILE: &str = r##"
[[tenants]]
name = "library"
display_name = "City Library"
public_url = { test = "http://library.localhost:3000", acceptance = "https://library.example" }
api_hosts = { test = ["library.localhost:3000"], acceptance = ["api.library.example"] }
settings = { sign_up = "open", languages = ["nl", "en"], colours = { brand = "#1a5276", ink = "#1c1c1c" }, sender = { name = "City Library", address = "door@library.example" }, email_code = true }
data = { branch = "centre" }
roles = { "front.desk" = ["auth:user:list", "auth:invitation:manage"], reader = [] }

[[tenants.clients]]
public_id = "library-web"
name = "On the web"
kind = "browser"
default = true
origins = { test = ["http://www.library.localhost:5173"], acceptance = ["https://www.library.example"] }
lifetimes = { access = 300, refresh_idle = 3600 }

[[tenants.clients]]
public_id = "library-backend"
name = "Back office"
kind = "server"
audiences = ["tickets"]
"##;

fn installed(ground: &Ground) -> Installation {
    let installation = Installation::on(ground);
    installation.write("config/tenants.toml", FILE);
    installation
}

fn applied(installation: &Installation) -> String {
    let applied = installation.run(&["tenants", "apply", "--yes"]);
    assert_eq!(applied.code, 0, "{applied:?}");
    applied.out
}

fn edit(installation: &Installation, from: &str, to: &str) {
    let edited = FILE.replace(from, to);
    assert_ne!(edited, FILE, "{from:?} is not in the file");
    installation.write("config/tenants.toml", &edited);
}

async fn a_plan_is_applied_and_what_is_exported_is_equal_to_it(ground: Ground) {
    let installation = installed(&ground);

    let plan = installation.run(&["tenants", "plan", "--check"]);
    let unasked = installation.run(&["tenants", "apply"]);
    let out = applied(&installation);
    let export = installation.run(&["tenants", "export"]);
    installation.write("config/tenants.toml", &export.out);
    let again = installation.run(&["tenants", "plan", "--check"]);

    assert_eq!(plan.code, 5, "{plan:?}");
    assert!(plan.out.starts_with("+ library (new)\n  + data = "), "{}", plan.out);
    assert!(plan.out.contains("  + clients.library-web.origins = http://www.library.localhost:5173\n"));
    assert!(unasked.code == 1 && unasked.err.contains("say --yes"), "{unasked:?}");
    assert!(out.ends_with("applied\n"), "{out}");
    assert_eq!((again.code, again.out.as_str()), (0, "nothing to do: the tenants are as the file says\n"));
    assert_eq!(installation.run(&["verify"]).out, "the database is sound\n");
}

async fn what_the_file_lacks_is_left_until_one_prunes_and_tenants_are_never_taken_away(ground: Ground) {
    let installation = installed(&ground);
    applied(&installation);
    edit(&installation, "test = [\"http://www.library.localhost:5173\"], ", "");

    let out = applied(&installation);
    let pruned = installation.run(&["tenants", "apply", "--yes", "--prune"]);
    installation.write("config/tenants.toml", "");
    let empty = applied(&installation);

    let line = "  ? clients.library-web.origins = http://www.library.localhost:5173";
    assert!(out.contains(&format!("{line} (not in the file; left, unless --prune)\n")), "{out}");
    assert!(pruned.out.ends_with("applied\n"), "{pruned:?}");
    assert_eq!(empty, "? library (not in the file; left as it is)\n");
    assert!(installation.run(&["tenants", "list"]).out.contains("library  open"), "it was deleted");
}

async fn a_taken_host_an_edited_issuer_and_a_plan_nobody_agreed_to_are_refused(ground: Ground) {
    let installation = installed(&ground);
    applied(&installation);
    let thief = FILE.replace("library-", "thief-").replace("\"library\"", "\"thief\"");
    installation.write("thief.toml", &thief);
    edit(&installation, "data =", "issuer = { test = 'https://id.library.example' }\ndata =");

    let stolen = installation.run(&["tenants", "apply", "--yes", "--file", "thief.toml"]);
    let edited = installation.run(&["tenants", "apply", "--yes"]);

    let taken = "thief: the API host library.localhost:3000 is taken by the tenant library";
    assert!(stolen.code == 1 && stolen.err.contains(taken), "{stolen:?}");
    assert!(!installation.run(&["tenants", "list"]).out.contains("thief"));
    let remedy = "`doorward tenants move-issuer library https://id.library.example`";
    assert!(edited.code == 1 && edited.err.contains(remedy), "{edited:?}");
}

async fn roles_of_the_file_are_added_to_and_taken_from_when_one_prunes(ground: Ground) {
    let installation = installed(&ground);
    applied(&installation);
    let held = || {
        let export = installation.run(&["tenants", "export"]).out;
        let (_, roles) = export.split_once("[tenants.roles]\n").unwrap();
        roles.split("\n\n").next().unwrap().trim().replace(['\n', ' '], "")
    };
    let before = held();
    edit(&installation, r#""auth:user:list", "auth:inv"#, r#""tenant:audit:read", "auth:inv"#);

    let out = applied(&installation);
    let added = held();
    let pruned = installation.run(&["tenants", "apply", "--yes", "--prune"]);
    let taken = held();
    edit(&installation, "auth:user:list", "shop:no:such");
    let unknown = installation.run(&["tenants", "apply", "--yes"]);
    edit(&installation, "reader = []", "admin = []");
    let admin = installation.run(&["tenants", "plan"]);

    let list = |held: &str| format!("\"front.desk\"=[{held}]reader=[]");
    assert_eq!(before.replace(",]", "]"), list(r#""auth:invitation:manage","auth:user:list""#));
    assert!(out.contains("  + roles.front.desk = tenant:audit:read\n"), "{out}");
    assert!(
        out.contains("  ? roles.front.desk = auth:user:list (not in the file; left, unless --prune)\n"),
        "{out}"
    );
    let three = r#""auth:invitation:manage","auth:user:list","tenant:audit:read""#;
    assert_eq!(added.replace(",]", "]"), list(three));
    assert!(pruned.out.ends_with("applied\n"), "{pruned:?}");
    assert_eq!(taken.replace(",]", "]"), list(r#""auth:invitation:manage","tenant:audit:read""#));
    assert!(unknown.code == 1 && unknown.err.contains("No permission is called shop:no:such"), "{unknown:?}");
    assert!(admin.code != 0 && admin.err.contains("roles.admin"), "{admin:?}");
}

async fn an_issuer_moves_by_its_own_command(ground: Ground) {
    let installation = installed(&ground);
    applied(&installation);

    let moved = installation.run(&["tenants", "move-issuer", "library", "https://id.library.example"]);
    let wrong = installation.run(&["tenants", "move-issuer", "library", "HTTPS://ID/"]);
    let nobody = installation.run(&["tenants", "move-issuer", "museum", "https://id.museum.example"]);

    assert!(
        moved.out.starts_with("library issues as https://id.library.example; tokens of its old"),
        "{moved:?}"
    );
    assert!(installation.run(&["tenants", "list"]).out.contains("https://id.library.example"));
    assert!(wrong.code == 1 && wrong.err.contains("must be"), "{wrong:?}");
    assert!(nobody.err.contains("There is no tenant called \"museum\""), "{nobody:?}");
}

async fn a_server_client_gets_a_new_secret_and_no_other_does(ground: Ground) {
    let installation = installed(&ground);
    applied(&installation);

    let secret = installation.run(&["clients", "secret", "library-backend"]);
    let browser = installation.run(&["clients", "secret", "library-web"]);

    assert!(secret.code == 0 && secret.out.starts_with("dws_1_") && secret.out.len() > 40, "{secret:?}");
    assert!(browser.code == 1 && browser.err.contains("Only server clients have a secret"), "{browser:?}");
}

async fn ten_2_ten_9_a_suspended_tenant_answers_nobody_within_two_seconds_and_resumes(ground: Ground) {
    let installation = installed(&ground);
    applied(&installation);
    let running = installation.serve().await;
    let asked = async || {
        let http = reqwest::Client::new();
        let ask = http.get(format!("http://{}/multitenant/current", running.address));
        ask.header("doorward-client", "library-web").send().await.unwrap().status().as_u16()
    };

    let open = asked().await;
    let suspended = installation.run(&["tenants", "suspend", "library"]);
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;
    let shut = asked().await;
    let resumed = installation.run(&["tenants", "resume", "library"]);
    tokio::time::sleep(std::time::Duration::from_millis(2100)).await;

    assert_eq!((open, shut, asked().await), (200, 400, 200));
    assert_eq!(
        (suspended.out.as_str(), resumed.out.as_str()),
        ("library is suspended\n", "library is open again\n")
    );
    assert_eq!(installation.run(&["tenants", "resume", "library"]).out, "library was open already\n");
}

async fn tenants_of_another_environment_take_that_environments_addresses(ground: Ground) {
    drop(ground);
    let installation = Installation::bare().with("DOORWARD_ENV", "acceptance");
    let installation = installation.with("DOORWARD_SERVER__PUBLIC_URL", "https://door.example");
    let installation = installation.with("DOORWARD_MAIL__TRANSPORT", "none");
    let installation = installation.with("DOORWARD_MASTER_KEY", crate::ground::binary::KEY);
    installation.write("config/tenants.toml", FILE);

    let early = installation.run(&["tenants", "plan"]);
    let migrated = installation.run(&["migrate"]);
    let out = applied(&installation);

    assert!(early.code == 1 && early.err.contains("run `doorward migrate`"), "{early:?}");
    assert_eq!(migrated.code, 0, "{migrated:?}");
    assert!(out.contains("  + api_hosts = api.library.example\n"), "{out}");
    assert!(!out.contains("localhost"), "{out}");
}

#[tokio::test]
async fn the_demo_of_a_development_server_is_no_difference_from_the_file() {
    let installation = Installation::bare();
    drop(installation.serve().await);
    installation.write("config/tenants.toml", "");

    let plan = installation.run(&["tenants", "plan", "--check"]);

    assert_eq!((plan.code, plan.out.as_str()), (0, "nothing to do: the tenants are as the file says\n"));
    assert!(installation.run(&["tenants", "list"]).out.contains("demo  "), "there is a demo");
}
