//! Holds the design's arrows: `functions → backend → engine`; `aws`, `embedded` → `backend`;
//! `runtime` → `backend`, `aws`, `embedded`; mains and `local` → `runtime`. Each rule is a function
//! from what was found to what is wrong with it, and each is also shown something wrong.

use std::{
    fs,
    path::{Path, PathBuf},
    process::Command,
};

use serde_json::Value;

/// Where a crate stands in the design.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Layer {
    Engine,
    Backend,
    /// `aws` or `embedded`.
    Adapter,
    Runtime,
    /// A function's package; with a main of its own, it may also name the runtime that wires it.
    Function {
        has_main: bool,
    },
    Local,
}

impl Layer {
    /// By the crate's folder from the top of the repository; none for a folder that the design does not have.
    fn of(folder: &str, has_main: bool) -> Option<Self> {
        match folder {
            "shared/engine" => Some(Self::Engine),
            "shared/backend" => Some(Self::Backend),
            "shared/aws" | "shared/embedded" => Some(Self::Adapter),
            "shared/runtime" => Some(Self::Runtime),
            "local" => Some(Self::Local),
            _ => folder.strip_prefix("functions/").map(|_| Self::Function { has_main }),
        }
    }

    fn may_use(self, other: Self) -> bool {
        match self {
            Self::Engine => false,
            Self::Backend => other == Self::Engine,
            Self::Adapter => other == Self::Backend,
            Self::Runtime => matches!(other, Self::Backend | Self::Adapter),
            Self::Function { has_main } => other == Self::Backend || (has_main && other == Self::Runtime),
            Self::Local => true,
        }
    }

    /// Crates that may not be used here; a last `*` stands for any ending.
    fn banned(self) -> &'static [&'static str] {
        const CLOUD_DATABASE_WEB: &[&str] =
            &["aws-*", "lambda_*", "rusqlite", "libsqlite3-sys", "axum*", "hyper*", "reqwest", "ureq"];
        const ALL_INPUT_AND_OUTPUT: &[&str] = &[
            "aws-*",
            "lambda_*",
            "rusqlite",
            "libsqlite3-sys",
            "axum*",
            "hyper*",
            "reqwest",
            "ureq",
            "tokio*",
            "async-std",
            "smol",
            "mio",
            "socket2",
            "tempfile",
        ];
        match self {
            Self::Engine => ALL_INPUT_AND_OUTPUT,
            Self::Backend | Self::Function { .. } => CLOUD_DATABASE_WEB,
            Self::Adapter | Self::Runtime | Self::Local => &[],
        }
    }

    fn bans(self, name: &str) -> bool {
        self.banned().iter().any(|ban| match ban.strip_suffix('*') {
            Some(start) => name.starts_with(start),
            None => name == *ban,
        })
    }
}

/// A crate of the workspace as its manifest has it.
#[derive(Debug)]
struct Package {
    name: String,
    /// From the top of the repository, with `/`.
    folder: String,
    licence: Option<String>,
    has_main: bool,
    /// What it uses when it runs or is built, tests apart.
    dependencies: Vec<String>,
    /// The text of its Cargo.toml.
    manifest: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().expect("local/ is in the workspace's folder")
}

fn cargo(arguments: &[&str]) -> String {
    let output = Command::new(env!("CARGO"))
        .args(arguments)
        .args(["--offline", "--locked"])
        .current_dir(root())
        .output()
        .expect("the cargo that built this test is still there");
    assert!(output.status.success(), "cargo {arguments:?}: {}", String::from_utf8_lossy(&output.stderr));
    String::from_utf8(output.stdout).expect("cargo prints UTF-8")
}

fn text<'a>(value: &'a Value, key: &str) -> &'a str {
    value[key].as_str().unwrap_or_else(|| panic!("cargo's metadata has no {key} in {value}"))
}

fn list<'a>(value: &'a Value, key: &str) -> &'a [Value] {
    value[key].as_array().unwrap_or_else(|| panic!("cargo's metadata has no list {key} in {value}"))
}

fn workspace() -> Vec<Package> {
    let metadata: Value = serde_json::from_str(&cargo(&["metadata", "--no-deps", "--format-version", "1"]))
        .expect("cargo metadata prints JSON");
    list(&metadata, "packages").iter().map(package).collect()
}

fn package(metadata: &Value) -> Package {
    let manifest_path = Path::new(text(metadata, "manifest_path"));
    let folder = manifest_path.parent().and_then(|folder| folder.strip_prefix(root()).ok());
    let is_main = |target: &Value| list(target, "kind").iter().any(|kind| kind == "bin");
    Package {
        name: text(metadata, "name").to_owned(),
        folder: folder
            .and_then(Path::to_str)
            .expect("members are in the workspace's folder")
            .replace('\\', "/"),
        licence: metadata["license"].as_str().map(str::to_owned),
        has_main: list(metadata, "targets").iter().any(is_main),
        dependencies: list(metadata, "dependencies")
            .iter()
            .filter(|dependency| dependency["kind"] != "dev")
            .map(|dependency| text(dependency, "name").to_owned())
            .collect(),
        manifest: fs::read_to_string(manifest_path).expect("cargo just read this manifest"),
    }
}

fn wrong_arrows(packages: &[Package]) -> Vec<String> {
    let layer = |package: &Package| Layer::of(&package.folder, package.has_main);
    let mut wrong = Vec::new();
    for package in packages {
        let Some(from) = layer(package) else {
            wrong.push(format!("{} is in {}, which the design does not have", package.name, package.folder));
            continue;
        };
        for dependency in &package.dependencies {
            let ours = packages.iter().find(|other| other.name == *dependency);
            let allowed = match ours {
                Some(other) => layer(other).is_some_and(|to| from.may_use(to)),
                None => !from.bans(dependency),
            };
            if !allowed {
                wrong.push(format!("{} ({from:?}) may not depend on {dependency}", package.name));
            }
        }
    }
    wrong
}

fn wrong_manifests(packages: &[Package]) -> Vec<String> {
    let mut wrong = Vec::new();
    for package in packages {
        if !section(&package.manifest, "[lints]").any(|line| line == "workspace = true") {
            wrong.push(format!("{} does not take the workspace's lints", package.name));
        }
        if package.licence.as_deref() != Some("Apache-2.0") {
            wrong.push(format!("{} has the licence {:?}", package.name, package.licence));
        }
    }
    wrong
}

/// The lines of one section of a TOML file.
fn section<'a>(toml: &'a str, header: &'a str) -> impl Iterator<Item = &'a str> {
    let lines = toml.lines().map(str::trim);
    lines.skip_while(move |line| *line != header).skip(1).take_while(|line| !line.starts_with('['))
}

/// The modules of `std` among `modules` that a source file names outside of whole-line comments and,
/// unless `with_tests`, of the test module at its end.
fn std_modules_named<'a>(source: &str, modules: &[&'a str], with_tests: bool) -> Vec<&'a str> {
    let code = if with_tests { source } else { source.split("#[cfg(test)]").next().unwrap_or(source) };
    let code: String = code
        .lines()
        .map(str::trim)
        .filter(|line| !line.starts_with("//"))
        .flat_map(|line| line.chars().chain([' ']))
        .collect();
    let squeezed = code.replace(' ', "");
    let group_names = |module: &str| {
        let groups = squeezed.split("usestd::{").skip(1).filter_map(|rest| rest.split(';').next());
        groups.flat_map(|group| group.split([',', '{', '}', ':'])).any(|name| name == module)
    };
    let is_named = |module: &&&str| squeezed.contains(&format!("std::{module}")) || group_names(module);
    modules.iter().filter(is_named).copied().collect()
}

/// Every Rust file below a folder.
fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap_or_else(|error| panic!("{}: {error}", folder.display()));
    let mut files = Vec::new();
    for entry in entries {
        let path = entry.expect("the folder can be read").path();
        if path.is_dir() {
            files.extend(rust_files(&path));
        } else if path.extension().is_some_and(|extension| extension == "rs") {
            files.push(path);
        }
    }
    files
}

/// Every Rust file of the crates in these layers, with its text.
fn sources(of: impl Fn(Layer) -> bool) -> Vec<(PathBuf, String)> {
    let in_layer = |package: &Package| Layer::of(&package.folder, package.has_main).is_some_and(&of);
    let folders =
        workspace().into_iter().filter(in_layer).map(|package| root().join(package.folder).join("src"));
    let files: Vec<_> = folders.flat_map(|folder| rust_files(&folder)).collect();
    assert!(!files.is_empty(), "there are sources to look at");
    let read = |file: PathBuf| fs::read_to_string(&file).map(|source| (file, source));
    files.into_iter().map(|file| read(file).expect("sources are UTF-8 files")).collect()
}

fn assert_none(wrong: &[String]) {
    assert!(wrong.is_empty(), "against the design:\n  {}", wrong.join("\n  "));
}

#[test]
fn arrows_point_one_way() {
    let packages = workspace();
    assert!(packages.len() > 10, "the workspace's crates were found: {packages:?}");
    assert_none(&wrong_arrows(&packages));
}

/// What the manifests do not show: the crates that come with other crates.
#[test]
fn nothing_banned_comes_in_through_another_crate() {
    for package in workspace() {
        let layer = Layer::of(&package.folder, package.has_main).expect("the arrows' test names the crate");
        if !matches!(layer, Layer::Engine | Layer::Backend) {
            continue;
        }
        let tree = cargo(&[
            "tree",
            "-p",
            &package.name,
            "-e",
            "normal,build",
            "--prefix",
            "none",
            "--format",
            "{p}",
        ]);
        let names: Vec<_> = tree.lines().filter_map(|line| line.split(' ').next()).collect();
        assert!(names.len() > package.dependencies.len(), "the tree of {} was read: {tree}", package.name);
        let banned = names.iter().filter(|name| layer.bans(name));
        assert_none(&banned.map(|name| format!("{} brings in {name}", package.name)).collect::<Vec<_>>());
    }
}

#[test]
fn every_crate_takes_the_lints_and_the_licence() {
    assert_none(&wrong_manifests(&workspace()));
}

#[test]
fn unsafe_code_is_forbidden() {
    let manifest = fs::read_to_string(root().join("Cargo.toml")).expect("the workspace has a manifest");
    assert!(section(&manifest, "[workspace.lints.rust]").any(|line| line == "unsafe_code = \"forbid\""));
}

#[test]
fn functions_and_backend_do_not_read_the_environment() {
    let mut wrong = Vec::new();
    for (file, source) in sources(|layer| matches!(layer, Layer::Function { .. } | Layer::Backend)) {
        if !std_modules_named(&source, &["env"], true).is_empty() || source.contains("option_env!") {
            wrong.push(format!("{} reads the environment", file.display()));
        }
    }
    assert_none(&wrong);
}

#[test]
fn the_engine_does_no_input_or_output() {
    let mut wrong = Vec::new();
    for (file, source) in sources(|layer| layer == Layer::Engine) {
        let named = std_modules_named(&source, &["env", "fs", "net", "process", "os"], false);
        wrong.extend(named.iter().map(|module| format!("{} uses std::{module}", file.display())));
    }
    assert_none(&wrong);
}

/// A function's main may name the runtime (its manifest must then allow it); its library may not.
#[test]
fn function_libraries_do_not_name_what_wires_them() {
    let mut wrong = Vec::new();
    for (file, source) in sources(|layer| matches!(layer, Layer::Function { .. })) {
        let is_main =
            file.ends_with("src/main.rs") || file.parent().is_some_and(|folder| folder.ends_with("src/bin"));
        let names = ["fettle_runtime", "fettle_embedded", "fettle_aws", "fettle_engine"];
        let named = names.into_iter().filter(|name| !is_main && source.contains(name));
        wrong.extend(named.map(|name| format!("{} names {name}", file.display())));
    }
    assert_none(&wrong);
}

// What the rules find when something is wrong.

fn made_up(folder: &str, dependencies: &[&str]) -> Package {
    Package {
        name: folder.rsplit('/').next().unwrap_or(folder).to_owned(),
        folder: folder.to_owned(),
        licence: Some("Apache-2.0".to_owned()),
        has_main: false,
        dependencies: dependencies.iter().map(|&name| name.to_owned()).collect(),
        manifest: "[package]\n[lints]\nworkspace = true\n".to_owned(),
    }
}

#[test]
fn a_wrong_arrow_is_found() {
    let all = |from: &str, to: &str| {
        let mut packages: Vec<_> = ["engine", "backend", "aws", "embedded", "runtime"]
            .iter()
            .map(|name| made_up(&format!("shared/{name}"), &[]))
            .chain(["functions/train", "functions/deploy", "local"].iter().map(|folder| made_up(folder, &[])))
            .collect();
        let package = packages.iter_mut().find(|package| package.name == from).expect("it is in the list");
        package.dependencies.push(to.to_owned());
        wrong_arrows(&packages)
    };
    for (from, to) in [
        ("engine", "backend"),
        ("engine", "tokio"),
        ("engine", "tokio-util"),
        ("backend", "embedded"),
        ("backend", "rusqlite"),
        ("backend", "aws-sdk-s3"),
        ("backend", "lambda_runtime"),
        ("backend", "axum"),
        ("embedded", "engine"),
        ("embedded", "aws"),
        ("aws", "runtime"),
        ("runtime", "train"),
        ("train", "engine"),
        ("train", "embedded"),
        ("train", "runtime"),
        ("train", "deploy"),
        ("train", "aws-sdk-dynamodb"),
        ("runtime", "local"),
    ] {
        assert_eq!(all(from, to).len(), 1, "{from} → {to} is wrong");
    }
    for (from, to) in [
        ("backend", "engine"),
        ("backend", "tokio"),
        ("train", "backend"),
        ("aws", "aws-sdk-s3"),
        ("embedded", "rusqlite"),
        ("runtime", "embedded"),
        ("runtime", "axum"),
        ("local", "runtime"),
        ("local", "train"),
    ] {
        assert_eq!(all(from, to), Vec::<String>::new(), "{from} → {to} is right");
    }
    assert_eq!(
        wrong_arrows(&[made_up("shared/helpers", &[])]).len(),
        1,
        "a folder that the design does not have"
    );
    let main = Package { has_main: true, ..made_up("functions/train", &["runtime"]) };
    assert_none(&wrong_arrows(&[main, made_up("shared/runtime", &[])]));
}

#[test]
fn a_wrong_manifest_is_found() {
    let no_lints = Package {
        manifest: "[package]\nworkspace = true\n[lints]\n[features]\n".to_owned(),
        ..made_up("local", &[])
    };
    let no_licence = Package { licence: None, ..made_up("local", &[]) };
    assert_none(&wrong_manifests(&[made_up("local", &[])]));
    assert_eq!(wrong_manifests(&[no_lints]).len(), 1);
    assert_eq!(wrong_manifests(&[no_licence]).len(), 1);
}

#[test]
fn a_module_of_std_is_found_however_it_is_imported() {
    for source in [
        "let key = std::env::var(\"KEY\");",
        "use std::env;",
        "use std::{\n    collections::BTreeMap,\n    env,\n};",
        "use std::{env::var, fmt};",
        "use ::std :: env;",
        "use std::{fmt::{self, Debug}, env};",
    ] {
        assert_eq!(std_modules_named(source, &["env", "fs"], true), ["env"], "{source}");
    }
    for source in ["// std::env is read elsewhere", "use crate::env;", "use std::{fmt, io};\nuse my::{env};"]
    {
        assert!(std_modules_named(source, &["env", "fs"], true).is_empty(), "{source}");
    }
    let tests_read = "fn f() {}\n#[cfg(test)]\nmod tests { use std::fs; }";
    assert!(std_modules_named(tests_read, &["fs"], false).is_empty());
    assert_eq!(std_modules_named(tests_read, &["fs"], true), ["fs"]);
}
