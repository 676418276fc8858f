//! `doorward mail`: look at a mail, or try the mail server with one.

use super::desk::{self, email};
use super::settings::Flags;
use super::{Done, jobs};
use crate::app;
use crate::base::DeliveryId;
use crate::components::Clock;
use crate::components::brand::Brand;
use crate::components::config::{Config, MailTransport};
use crate::components::line::Line;
use crate::components::mail::letter::{Letterhead, Override, Recipient, write};
use crate::components::mail::{Message, samples};
use crate::components::mailer::{Envelope, Outcome, Sender};
use crate::components::post;
use crate::components::templates::Templates;
use crate::components::terminal::say;
use crate::components::words::Locale;
use crate::jobs::entity::look::Wanted;

#[derive(Debug, clap::Subcommand)]
pub enum Mail {
    /// Print a mail as people get it, with sample values. Without a name, the names.
    #[command(
        after_help = "Examples:\n  doorward mail preview\n  doorward mail preview password/verify_address --locale nl\n  \
                            doorward mail preview password/verify_address --html > mail.html"
    )]
    Preview {
        /// One of the names.
        name: Option<String>,
        /// en or nl.
        #[arg(long, default_value = "en")]
        locale: String,
        /// The HTML part instead of the text.
        #[arg(long)]
        html: bool,
        /// The text part, which is what is printed anyway.
        #[arg(long, conflicts_with = "html")]
        text: bool,
    },
    /// The mails that were written, as jobs: which are due, carried, or given up.
    #[command(after_help = "Example:\n  doorward mail list")]
    List {
        /// As JSON.
        #[arg(long)]
        json: bool,
    },
    /// Send one mail to see that the mail server takes it, and tell its words if it does not.
    #[command(after_help = "Example:\n  doorward mail send-test ada@example.com")]
    SendTest {
        /// Where to.
        address: String,
    },
}

pub fn run(flags: &Flags, mail: &Mail) -> Done {
    match mail {
        Mail::Preview { name: None, .. } => {
            say(&Message::NAMES.join("\n"));
            Ok(desk::OK)
        }
        Mail::Preview { name: Some(name), locale, html, .. } => preview(name, locale, *html),
        Mail::List { json } => {
            let wanted = Wanted { name: Some(post::NAME.to_owned()), ..Wanted::default() };
            jobs::list(flags, wanted, (None, *json))
        }
        Mail::SendTest { address } => send_test(&flags.load()?.config, address),
    }
}

fn preview(name: &str, locale: &str, html: bool) -> Done {
    let unknown = || format!("there is no mail {name:?}; `doorward mail preview` names them");
    let message = samples::named(name).ok_or_else(unknown)?;
    let locale =
        Locale::parse(locale).ok_or_else(|| format!("there are no mails in {locale:?}; say en or nl"))?;
    let templates = Templates::embedded().map_err(|error| error.words())?;
    let to = Recipient { address: Line::new("ada@example.com"), name: Some(Line::new("Ada")), locale };
    let head = Letterhead { tenant: Brand::house(), changed: Override::default() };
    let written = write(&templates, &message, &to, &head).map_err(|error| error.words())?;
    if html {
        say(&written.html);
    } else {
        say(&format!("Subject: {}\n\n{}", written.subject, written.text.trim_end()));
    }
    Ok(desk::OK)
}

fn send_test(config: &Config, address: &str) -> Done {
    let to = email(address)?;
    if config.mail.transport != MailTransport::Smtp {
        return Err("mail.transport is not smtp, so nothing would leave this machine; set it and mail.host"
            .to_owned());
    }
    let runtime = tokio::runtime::Runtime::new().map_err(|error| error.to_string())?;
    // The mailer's connections belong to the runtime that they are made in, and end in it.
    let _inside = runtime.enter();
    let mailer = app::mailer(config).map_err(|error| error.to_string())?;
    let templates = Templates::embedded().map_err(|error| error.words())?;
    let message = samples::named("sessions/new_device").ok_or("the sample mail is gone")?;
    let to = Recipient { address: Line::new(to.as_str()), name: None, locale: Locale::En };
    let head = Letterhead { tenant: Brand::house(), changed: Override::default() };
    let written = write(&templates, &message, &to, &head).map_err(|error| error.words())?;
    let mail = (&message, written);
    let envelope = Envelope::new(DeliveryId::new(), Clock::real().now(), mail, (sender(config), to));
    match runtime.block_on(mailer.send(envelope)) {
        Outcome::Sent => {
            say(&format!("the mail server took a mail to {address}"));
            Ok(desk::OK)
        }
        Outcome::Refused(words) => Err(format!("the mail server refused: {words}")),
        Outcome::Delayed(words) => Err(format!("the mail server did not take it now: {words}")),
    }
}

/// `Name <address>`, or the address alone.
fn sender(config: &Config) -> Sender {
    let from = config.mail.from.as_deref().unwrap_or_default();
    let (name, address) = from.split_once('<').unwrap_or(("Doorward", from));
    let address = address.trim().trim_end_matches('>').to_owned();
    Sender { name: Line::new(name.trim()), address, reply_to: None }
}
