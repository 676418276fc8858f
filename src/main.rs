//! The door: arguments in, one command out.

use std::process::ExitCode;

use clap::Parser;

fn main() -> ExitCode {
    doorward::cli::run(&doorward::cli::Arguments::parse())
}
