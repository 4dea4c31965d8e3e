//! The program that Lambda runs: its handler setting names one of this package's operations.

fn main() -> std::process::ExitCode {
    fettle_runtime::lambda::main(fettle_batch::operations())
}
