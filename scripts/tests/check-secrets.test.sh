#!/usr/bin/env bash
# Tests scripts/check-secrets.sh on repositories made for it. The planted secrets are put together
# here at run time, so that this file itself has none.

set -euo pipefail

project="$(CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")/../.." && pwd)"
# shellcheck disable=SC2046 # names of variables, one a word
unset $(git rev-parse --local-env-vars)
export GIT_CONFIG_GLOBAL=/dev/null GIT_CONFIG_NOSYSTEM=1 GIT_TERMINAL_PROMPT=0
export GIT_AUTHOR_NAME=test GIT_AUTHOR_EMAIL=test@localhost GIT_COMMITTER_NAME=test GIT_COMMITTER_EMAIL=test@localhost

work="$(mktemp -d)"
trap 'rm -rf "$work"' EXIT
passed=0 failed=0
output='' status=0

# --- the small language of the tests -------------------------------------------------------------

# A fresh repository with the scanner and one commit; the shell stands in it.
new_repository() {
  rm -rf "${work:?}/repo"
  git init -q -b main "$work/repo"
  cd "$work/repo"
  mkdir scripts
  cp "$project/scripts/check-secrets.sh" scripts/
  commit README.md 'nothing here'
}

# commit PATH TEXT [MESSAGE]
commit() {
  mkdir -p "$(dirname -- "$1")"
  printf '%s\n' "$2" > "$1"
  git add -A -f
  git commit -q -m "${3-change $1}"
}

new_remote() {
  rm -rf "${work:?}/$1.git"
  git init -q --bare -b main "$work/$1.git"
  git remote add "$1" "$work/$1.git"
}

scan() {
  status=0
  output="$(scripts/check-secrets.sh "$@" 2>&1)" || status=$?
}

# scan_push REMOTE LOCAL_OBJECT REMOTE_OBJECT: as git calls the hook for main.
scan_push() {
  status=0
  output="$(echo "refs/heads/main $2 refs/heads/main $3" | scripts/check-secrets.sh --pre-push "$1" "$1-address" 2>&1)" || status=$?
}

# expect NAME STATUS [TEXT that the output has]...
expect() {
  local name="$1" wanted="$2" text why=''
  shift 2
  [ "$status" -eq "$wanted" ] || why="exit status $status, not $wanted"
  for text in "$@"; do
    case "$output" in *"$text"*) ;; *) why="${why:+$why; }no '$text' in the output" ;; esac
  done
  settle "$name" "$why"
}

# settle NAME WHY: an empty reason is a pass.
settle() {
  if [ -z "$2" ]; then
    passed=$((passed + 1))
  else
    failed=$((failed + 1))
    printf 'FAILED  %s: %s\n%s\n' "$1" "$2" "$output" | sed '2,$s/^/    /'
  fi
}

# characters N [ALPHABET]: N characters that look random and are the same each time.
characters() {
  perl -e 'my ($n, $all) = @ARGV; my $x = 7; print join "", map { $x = ($x * 1103515245 + 12345) % 2147483648; substr $all, ($x >> 8) % length $all, 1 } 1 .. $n' \
    "$1" "${2-ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789}"
}

none=0000000000000000000000000000000000000000
upper='ABCDEFGHIJKLMNOPQRSTUVWXYZ234567'
digits='0123456789'
hex='0123456789abcdef'
dashes='-----'
github="gh""p_$(characters 36)"

# --- every kind of secret ------------------------------------------------------------------------

# plant KIND TEXT [SECRET, when it is not the whole text]: found in history and in the working tree,
# at its line, and never printed.
plant() {
  local kind="$1" text="$2" secret="${3-$2}"
  new_repository
  commit src/settings.rs "$(printf 'first line\nlet key = "%s";' "$text")"
  scan
  expect "$kind is found" 1 "commit $(git rev-parse --short=12 HEAD)  src/settings.rs:2  $kind" \
    "working tree  src/settings.rs:2  $kind"
  case "$output" in *"$secret"*) settle "$kind is masked" 'printed in full' ;; *) settle "$kind is masked" '' ;; esac
}

plant 'Anthropic key' "sk-""ant-api03-$(characters 93)AA"
plant 'Anthropic key' "sk-""ant-admin01-$(characters 40)-_$(characters 20)"
plant 'OpenAI key' "sk-""$(characters 48)"
plant 'OpenAI key' "sk-""proj-$(characters 74)_$(characters 20)"
plant 'OpenAI key' "sk-""svcacct-$(characters 60)"
plant 'Stripe key' "sk_""live_$(characters 24)"
plant 'Stripe key' "rk_""test_$(characters 99)"
plant 'Stripe webhook secret' "whsec""_$(characters 32)"
plant 'Slack token' "xox""b-$(characters 12 $digits)-$(characters 13 $digits)-$(characters 24)"
plant 'Slack token' "xox""p-$(characters 11 $digits)-$(characters 11 $digits)-$(characters 32 $hex)"
plant 'Slack app token' "xap""p-1-A$(characters 10)-$(characters 13 $digits)-$(characters 64 $hex)"
plant 'Slack webhook' "/serv""ices/T$(characters 9 $upper)/B$(characters 9 $upper)/$(characters 24)"
plant 'GitHub token' "$github"
for letter in o u s r; do plant 'GitHub token' "gh${letter}_$(characters 36)"; done
plant 'GitHub fine-grained token' "github""_pat_$(characters 22)_$(characters 59)"
plant 'AWS access key id' "AK""IA$(characters 16 $upper)"
plant 'AWS access key id' "AS""IA$(characters 16 $upper)"
aws="$(characters 40)"
plant 'AWS secret key' "aws_secret""_access_key = $aws" "$aws"
plant 'AWS secret key' "AWS_SECRET""_ACCESS_KEY=$aws" "$aws"
plant 'AWS secret key' "\"Secret""AccessKey\": \"$aws\"" "$aws"
plant 'AWS secret key' "secret""_key = \\\"/${aws#?}\\\"" "${aws#?}"
session="$(characters 300)"
plant 'AWS session token' "AWS_SESSION""_TOKEN=$session" "$session"
plant 'Google API key' "AI""za$(characters 35)"
plant 'Google client secret' "GOC""SPX-$(characters 28)"
account="$(characters 40 $hex)"
plant 'Google service account' "\"private""_key_id\": \"$account\"" "$account"
plant 'Fernet token' "ENC:""v1:gAAAAA$(characters 94)=="
plant 'Fernet token' "ENC:""v1:$(characters 40)"
fernet="$(characters 43)="
plant 'Fernet key' "FETTLE_FERNET""_KEY=$fernet" "$fernet"
plant 'Fettle key' "ft""l_$(characters 16 abcdefghijklmnopqrstuvwxyz234567)_$(characters 43)"
plant 'Fettle key' "ft""l_$(characters 16 abcdefghijklmnopqrstuvwxyz234567)_$(characters 41)-_"
body="$(characters 64)"
for word in '' 'RSA ' 'EC ' 'DSA ' 'OPENSSH ' 'ENCRYPTED '; do
  plant 'PEM private key' "${dashes}BEGIN ${word}PRIVATE"" KEY$dashes\\n$body" "$body"
done
plant 'PEM private key' "${dashes}BEGIN PGP PRIVATE"" KEY BLOCK$dashes $body" "$body"
plant 'PuTTY private key' "PuTTY-User""-Key-File-2: ssh-rsa $body" "$body"

# --- look-alikes ---------------------------------------------------------------------------------

# passes TEXT: not a secret.
passes() {
  printf '%s\n' "$1" > look-alike.txt
  scan --tree
  expect "passes: $1" 0
}

new_repository
passes 'sk-learn, task-ant-colony-optimisation-of-a-schedule, risk-proj-2024-estimates-by-quarter'
passes 'sk-ant-colony-optimisation-algorithms-in-practice'
passes "sk-""ant-api03-tooshort"
passes "desk-""$(characters 48)"
passes "sk_""live_short"
passes "pk_""live_$(characters 24)"
passes "task_""test_$(characters 24)"
passes 'xoxb-your-token-goes-here-please-do'
passes "gh""p_$(characters 35)"
passes 'ghp_<your token>'
passes "github""_pat_$(characters 22)"
passes "AK""IA$(characters 15 $upper)"
passes "XAK""IA$(characters 16 $upper)"
passes "AK""IA$(characters 30 $upper)"
passes 'aws_secret_access_key = var.secret_access_key'
passes 'AWS_SECRET_ACCESS_KEY=test'
passes "secret_key_sha256 = $(characters 64 $hex)"
passes "AI""za$(characters 34)"
passes 'ENC:v1:<token>'
passes "ENC:""v1:$(characters 39)"
passes "ENC:""v2:$(characters 80)"
passes 'FETTLE_FERNET_KEY='
passes "ft""l_$(characters 15 abcdefghijklmnopqrstuvwxyz234567)_$(characters 43)"
passes "ft""l_$(characters 16 abcdefghijklmnopqrstuvwxyz234567)_$(characters 42)"
passes "ft""l_$(characters 16 ABCDEFGH)_$(characters 43)"
passes "${dashes}BEGIN PUBLIC KEY$dashes"
passes "${dashes}BEGIN CERTIFICATE$dashes"
passes "${dashes}END PRIVATE KEY$dashes"
passes 'the PRIVATE KEY is in the key file'
passes "checksum = \"$(characters 64 $hex)\""
passes '/services/TEAM/BILLING/overview'

# --- commits -------------------------------------------------------------------------------------

new_repository
scan
expect 'a clean repository' 0 'clean: 1 commits'

base="$(git rev-parse HEAD)"
commit config.toml "token = \"$github\""
commit config.toml 'token = "taken out"'
scan_push origin "$(git rev-parse HEAD)" "$base"
expect 'added and removed in one push' 1 "commit $(git rev-parse --short=12 HEAD~1)  config.toml:1  GitHub token"
scan --tree
expect 'the working tree alone is clean' 0
scan --range HEAD~1..HEAD
expect 'a range leaves the other commits out' 0 'clean: 1 commits'
scan_push origin "$(git rev-parse HEAD)" "$(git rev-parse HEAD~1)"
expect 'what the remote has is not scanned again' 0
scan_push origin "$(git rev-parse HEAD)" "${none//0/1}"
expect 'a remote object that is not here' 1 'GitHub token'
scan_push origin "$none" "$base"
expect 'deleting a branch' 0 'nothing pushed'
output="$(scripts/check-secrets.sh --pre-push origin address < /dev/null 2>&1)" && status=0 || status=$?
expect 'nothing on standard input' 0 'nothing pushed'
output="$(echo "refs/heads/main $(git rev-parse HEAD) refs/heads/main $base" | scripts/check-secrets.sh origin address 2>&1)" && status=0 || status=$?
expect 'called with the two arguments of a hook' 1 'GitHub token'

new_repository
git checkout -q -b side
commit shared.txt side
git checkout -q main
commit shared.txt main
before="$(git rev-parse HEAD)"
git merge -q side > /dev/null 2>&1 || true
commit shared.txt "merged $github"
scan_push origin "$(git rev-parse HEAD)" "$before"
expect 'a secret that a merge adds' 1 "commit $(git rev-parse --short=12 HEAD)  shared.txt:1  GitHub token"

new_repository
git checkout -q -b side
commit leaked.txt "$github"
leak="$(git rev-parse HEAD)"
git checkout -q main
commit other.txt other
git merge -q --no-edit side
commit leaked.txt gone
scan_push origin "$(git rev-parse HEAD)" "$none"
expect 'a secret on a merged branch, named at its own commit' 1 "commit ${leak:0:12}  leaked.txt:1"
expect 'and reported once' 1 'check-secrets: 1 found'

new_repository
new_remote origin
commit old.txt "$github"
git push -q origin main
git checkout -q -b topic
commit new.txt clean
scan_push origin "$(git rev-parse HEAD)" "$none"
expect 'a new branch: what is on the remote is left out' 0 'clean: 1 commits'
new_remote public
scan_push public "$(git rev-parse HEAD)" "$none"
expect 'a new branch: another remote does not count' 1 'old.txt:1'
commit new.txt "$github"
commit new.txt clean
scan_push origin "$(git rev-parse HEAD)" "$none"
expect 'a new branch: a secret added and removed' 1 'new.txt:1'

new_repository
commit a.txt a "release with $github"
scan
expect 'a commit message' 1 'the message:' 'GitHub token'
new_repository
git tag -a v1 -m "signed with $github"
scan
expect 'a tag message' 1 'tag refs/tags/v1  the message:'
scan_push origin "$(git rev-parse v1)" "$none"
expect 'a tag message, pushed' 1 'the message:' 'GitHub token'
git tag tree 'HEAD^{tree}'
scan_push origin "$(git rev-parse tree)" "$none"
expect 'a tag of a tree cannot be checked' 2 'neither a commit nor a tag'

# --- files ---------------------------------------------------------------------------------------

new_repository
commit 'a folder/with spaces.txt' "$github"
scan
expect 'a file name with spaces' 1 'a folder/with spaces.txt:1  GitHub token'
new_repository
commit $'tab\there.txt' "$github"
scan
expect 'a file name with a tab' 1 'tab?here.txt:1'
new_repository
commit "notes/$github.txt" clean
scan
expect 'a secret in a file name' 1 'GitHub token'
case "$output" in *"$github"*) settle 'a secret in a file name is masked' 'printed' ;; *) settle 'a secret in a file name is masked' '' ;; esac

new_repository
commit crlf.txt "$(printf 'one\r\ntwo\r\nkey=%s\r\n' "$github")"
scan
expect 'CRLF line ends' 1 'crlf.txt:3'
new_repository
printf '\377\376' > utf16.txt
printf '%s' "$github" | perl -pe 's/(.)/$1\0/g' >> utf16.txt
printf '\0\1\2\nx%s\0\377' "$github" > program.bin
echo '*.bin -diff' > .gitattributes
git add -A && git commit -q -m binary
scan
expect 'UTF-16' 1 'utf16.txt:1'
expect 'a binary file that attributes hide from diffs' 1 'program.bin:2'
new_repository
commit one.json "{\"note\": \"first\\nsk-""$(characters 48)\"}"
commit two.txt "url?key%3D""sk-""$(characters 48)"
scan
expect 'after an escape' 1 'one.json:1  OpenAI key' 'two.txt:1  OpenAI key'
new_repository
commit two.txt "$github gh""o_$(characters 36)"
scan --tree
expect 'two secrets on a line' 1 'check-secrets: 2 found'
new_repository
commit moved.txt "$github"
commit again.txt same
commit again.txt "$github"
commit again.txt gone
commit again.txt "$github"
scan
expect 'a secret that comes back is named where it came first' 1 "$(git rev-parse --short=12 HEAD~2)  again.txt:1"
git mv moved.txt elsewhere.txt
git commit -q -m move
scan --range HEAD~1..HEAD
expect 'a file that moved' 1 'elsewhere.txt:1'
new_repository
printf '%s' "$github" > 'no newline'
ln -s "$github" link
scan --tree
expect 'the last line without a newline' 1 'no newline:1'
expect 'the target of a link' 1 'link:1'
new_repository
echo 'ignored.txt' > .gitignore
echo "$github" > ignored.txt
scan --tree
expect 'an ignored file is left out' 0
git add -f ignored.txt
scan --tree
expect 'a file that was added by force is not' 1 'ignored.txt:1'
rm ignored.txt
scan --tree
expect 'a tracked file that is gone from the disk' 0

# --- names ---------------------------------------------------------------------------------------

forbidden='fettle.db fettle.db-journal fettle.db-wal fettle.db-shm state.sqlite state.sqlite3 state.sqlite3-wal
  state.duckdb .fettle/objects/x .env .env.local deep/.env.production prod.env .envrc id_rsa id_ed25519 server.pem
  server.key store.p12 store.pfx store.jks key.ppk vault.kdbx credentials credentials.json .aws/config .ssh/known_hosts
  .netrc .pypirc .git-credentials .htpasswd service-account-1.json client_secret_2.json terraform.tfstate
  terraform.tfstate.backup plan.tfplan'
new_repository
cp "$project/.gitignore" .
git add .gitignore && git commit -q -m ignore
for name in $forbidden; do
  mkdir -p "$(dirname "$name")"
  echo x > "$name"
  output=''
  if git check-ignore -q "$name"; then settle ".gitignore has $name" ''; else settle ".gitignore has $name" 'not ignored'; fi
  git add -f "$name" && git commit -q -m add
  scan --range HEAD~1..HEAD
  expect "refused by name: $name" 1 "$name" 'refused by its name'
done
# shellcheck disable=SC2086 # names without spaces
git rm -q -r $forbidden && git commit -q -m remove
scan --range HEAD~1..HEAD
expect 'taking such a file out is allowed' 0

new_repository
cp "$project/.gitignore" .
for name in .env.example id_rsa.pub src/credentials.rs src/keys.rs src/db.rs docs/sqlite.md dbt.yml schema.db.md \
  environment.rs .terraform.lock.hcl data/sample.csv.txt local/samples/penguins.csv Cargo.lock src/secret.rs; do
  commit "$name" x
  scan --range HEAD~1..HEAD
  expect "allowed by name: $name" 0
done
for name in .env.example id_rsa.pub src/credentials.rs src/keys.rs local/samples/penguins.csv .terraform.lock.hcl \
  scripts/.secrets-allowlist shared/data/mod.rs; do
  output=''
  if git check-ignore -q --no-index "$name"; then settle "not ignored: $name" 'ignored'; else settle "not ignored: $name" ''; fi
done

# --- exceptions ----------------------------------------------------------------------------------

new_repository
commit doc.md "$github  <!-- pragma: allow-secret -->"
scan
expect 'a pragma on the line' 0
commit doc.md "$(printf 'pragma: allow-secret\n%s' "$github")"
scan
expect 'a pragma on another line' 1 'doc.md:2'

new_repository
commit tests/data/deep/keys.txt "$github"
commit tests/data/server.pem "$github"
commit other.txt "$github"
printf '%s\n' '# comment' '' 'tests/data/**  # made for the tests' > scripts/.secrets-allowlist
git add -A && git commit -q -m allow
scan
expect 'a path in the allow-list' 1 'other.txt:1' 'check-secrets: 2 found'
echo 'other.t?t' >> scripts/.secrets-allowlist
scan
expect 'a glob in the allow-list' 0
printf '%s\n' 'tests/*' 'other.txt' > scripts/.secrets-allowlist
scan
expect 'one star stays within a folder' 1 'tests/data/deep/keys.txt:1'
printf '%s\n' 'other.txt' '**/keys.txt' 'tests/**/*.pem' > scripts/.secrets-allowlist
scan
expect 'two stars cross folders' 0
echo '**' > scripts/.secrets-allowlist
scan
expect 'an allow-list of everything' 2 'would allow everything'

# --- the hook ------------------------------------------------------------------------------------

push() {
  status=0
  output="$(git push -q "$@" 2>&1)" || status=$?
}
new_repository
new_remote origin
mkdir sub
(cd sub && ../scripts/check-secrets.sh --install > /dev/null)
push origin main
expect 'the hook lets a clean push through' 0 'check-secrets: clean'
commit key.txt "$github"
commit key.txt clean
push origin main
expect 'the hook stops a push' 1 'key.txt:1' 'failed to push'
push origin HEAD:refs/heads/other
expect 'the hook stops a push to a new branch' 1 'key.txt:1'
settle 'and nothing arrived' "$(git --git-dir "$work/origin.git" for-each-ref --format '%(objectname)' | grep -v "$(git rev-parse HEAD~2)" || true)"
git reset -q --hard HEAD~2
commit more.txt more
(cd sub 2> /dev/null || { mkdir sub && cd sub; }; git push -q origin main > /dev/null 2>&1) && status=0 || status=$?
expect 'the hook works from a folder' 0
push origin HEAD:refs/heads/gone
push origin --delete gone
expect 'the hook lets a branch be deleted' 0
scan --install
expect 'installing it again' 0 'installed'
git worktree add -q "$work/tree" -b elsewhere
(cd "$work/tree" && echo "$github" > leak && git add leak && git commit -q -m leak)
output="$(cd "$work/tree" && git push -q origin elsewhere 2>&1)" && status=0 || status=$?
expect 'the hook works in a linked work tree' 1 'leak:1'
git worktree remove --force "$work/tree"
git rm -q --cached scripts/check-secrets.sh && mv scripts/check-secrets.sh "$work/aside"
git commit -q -m without
push origin main
expect 'a branch without the script is stopped' 1 'is missing on this branch'

new_repository
git config core.hooksPath .hooks
scan --install
expect 'installing into core.hooksPath' 0 '.hooks/pre-push'
new_repository
mkdir -p .git/hooks
echo 'exit 0' > .git/hooks/pre-push
scan --install
expect "someone else's hook is kept" 2 'is not ours'
settle "someone else's hook is unchanged" "$(grep -v '^exit 0$' .git/hooks/pre-push || true)"

# --- wrong usage ---------------------------------------------------------------------------------

new_repository
scan --nonsense
expect 'an unknown option' 2 'unknown option'
scan nonsense
expect 'an unknown argument' 2 'unknown argument'
scan --tree more
expect 'too many arguments' 2
scan --range
expect 'a range without revisions' 2
scan --range no-such-revision
expect 'a revision that is not there' 2 'failed'
output="$(echo 'what is this' | scripts/check-secrets.sh --pre-push origin address 2>&1)" && status=0 || status=$?
expect 'a line that is none of git' 2 'cannot read the line'
scan_push origin "${none//0/1}" "$none"
expect 'an object that is not here' 2
scan --help
expect 'help' 0 'Usage:'
(cd / && "$work/repo/scripts/check-secrets.sh" > /dev/null) && status=0 || status=$?
expect 'from any folder' 0
rm -rf "$work/plain" && mkdir -p "$work/plain/scripts" && cp scripts/check-secrets.sh "$work/plain/scripts/"
output="$("$work/plain/scripts/check-secrets.sh" 2>&1)" && status=0 || status=$?
expect 'outside of any repository' 2 'not in a git work tree'
rm -rf "${work:?}/repo" && git init -q "$work/repo" && cd "$work/repo" && mkdir scripts && cp "$project/scripts/check-secrets.sh" scripts/
scan
expect 'a repository without a commit' 0 'clean: 0 commits'

echo "$passed passed, $failed failed"
[ "$failed" -eq 0 ]
