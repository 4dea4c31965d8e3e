//! One suite over HTTP, three ways to run the platform: in one process on SQLite and files; in one
//! process on AWS's services; as Lambda functions, each the program that is shipped.
//!
//! The last two need LocalStack at `AWS_ENDPOINT_URL`, or 127.0.0.1:4566.

#![allow(clippy::unwrap_used, reason = "a test that can not go on fails")]
#![allow(clippy::print_stderr, reason = "what goes wrong around a test is for whoever reads its log")]

mod backup;
mod calls;
#[path = "../api/client.rs"]
#[allow(dead_code, reason = "shared with the tests of the API, which need more")]
mod client;
mod faults;
mod lambda;
mod resources;
mod suite;

/// The suite's tests, for an expression that starts a platform.
macro_rules! tests_on {
    ($platform:expr) => {
        crate::tests_on!(@tests $platform, [
            from_an_upload_to_a_prediction,
            what_is_wrong_is_told,
            roles_hold,
            a_run_is_followed_and_cancelled,
            what_is_deleted_is_gone,
            a_moved_alias_is_served,
            the_same_request_makes_one_thing,
            a_run_tunes_and_combines,
        ]);
    };
    (@tests $platform:expr, [$($test:ident),* $(,)?]) => {
        $(
            #[test]
            fn $test() {
                let platform = $platform;
                crate::suite::$test(&platform.client());
            }
        )*
    };
}
pub(crate) use tests_on;

mod embedded {
    crate::tests_on!(crate::client::Platform::new());
}

mod one_process_on_aws {
    crate::tests_on!(crate::resources::OnAws::new());
}

mod as_lambda_functions {
    crate::tests_on!(crate::lambda::Functions::new());
}
