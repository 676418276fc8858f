//! The ceilings: actix-web answering a constant, and argon2id in a loop.

use std::time::{Duration, Instant};

use actix_web::{App, HttpResponse, HttpServer, web};
use argon2::{Algorithm, Argon2, Params, Version};

pub fn serve(port: u16) {
    let answer = || async { HttpResponse::Ok().content_type("application/json").body(r#"{"ok":true}"#) };
    let server = HttpServer::new(move || App::new().route("/", web::get().to(answer)));
    let workers = std::thread::available_parallelism().unwrap().get();
    let running = server.workers(workers).bind(("127.0.0.1", port)).unwrap().run();
    tokio::runtime::Runtime::new().unwrap().block_on(running).unwrap();
}

/// As many threads as the hasher has permits: the processors less one.
pub fn hashes(lasting: Duration) -> f64 {
    let threads = (std::thread::available_parallelism().unwrap().get() - 1).max(1);
    let began = Instant::now();
    let each = |_| {
        std::thread::spawn(move || {
            let argon =
                Argon2::new(Algorithm::Argon2id, Version::V0x13, Params::new(19456, 2, 1, None).unwrap());
            let (mut done, mut out) = (0_u32, [0; 32]);
            while began.elapsed() < lasting {
                argon
                    .hash_password_into(b"violet-kettle-orbit-47-lantern", b"sixteen bytes!!!", &mut out)
                    .unwrap();
                done += 1;
            }
            done
        })
    };
    let running: Vec<_> = (0..threads).map(each).collect();
    let done: u32 = running.into_iter().map(|thread| thread.join().unwrap()).sum();
    f64::from(done) / began.elapsed().as_secs_f64()
}
