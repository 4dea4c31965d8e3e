#!/usr/bin/env bash
# Refuses secrets, databases and key files before they leave this machine.
#
# What is scanned is every version of every file in every commit concerned (git's objects, not the
# files of today), the commit and tag messages, and the paths themselves: a secret that one commit
# adds and the next removes is found. Compressed and encrypted content is not looked into.
#
# Needs bash (3.2 or later), git and perl with its core modules.

set -euo pipefail

usage() {
  cat <<'TEXT'
Usage: scripts/check-secrets.sh                     the whole history and the working tree
       scripts/check-secrets.sh --tree              the working tree: tracked, and untracked but not ignored
       scripts/check-secrets.sh --range REV...      the commits of `git rev-list REV...`, as main..HEAD
       scripts/check-secrets.sh --install           install it as this clone's pre-push hook
       scripts/check-secrets.sh --pre-push REMOTE [URL]   what the hook runs: reads git's lines on stdin

A finding that is none: put `pragma: allow-secret` on its line, or the file's path in
scripts/.secrets-allowlist.

Exit status: 0 clean, 1 something was found, 2 wrong usage or git failed.
TEXT
}

fail() {
  printf 'check-secrets: %s\n' "$*" >&2
  exit 2
}

install_hook() {
  local hook
  hook="$(git rev-parse --git-path hooks)/pre-push"
  if [ -e "$hook" ] && ! grep -q 'check-secrets.sh' "$hook"; then
    fail "$hook exists and is not ours: add to it the line  scripts/check-secrets.sh --pre-push \"\$@\""
  fi
  mkdir -p "$(dirname "$hook")"
  cat > "$hook" <<'HOOK'
#!/bin/sh
# Installed by scripts/check-secrets.sh --install
script="$(git rev-parse --show-toplevel)/scripts/check-secrets.sh"
if [ ! -f "$script" ]; then
  echo "pre-push: $script is missing on this branch, so nothing can be checked; push from one that has it" >&2
  exit 1
fi
exec bash "$script" --pre-push "$@"
HOOK
  chmod +x "$hook"
  echo "installed: $hook"
}

# The scanner: perl, because it reads git's NUL-separated output and arbitrary bytes safely.
IFS= read -r -d '' SCANNER <<'PERL' || true
use strict;
use warnings;
use File::Temp ();
use IPC::Open2 qw(open2);

sub fail { print STDERR "check-secrets: @_\n"; exit 2 }
$SIG{__DIE__} = sub { my $why = "@_"; chomp $why; fail($why) };

# No letter or digit before, unless it ends an escape (\n in a string, %3D in an address).
my $START = qr/(?:(?<![A-Za-z0-9])|(?<=\\[nrt])|(?<=%[0-9A-Fa-f]{2}))/;
# Real keys are random: a run of lower-case words joined by hyphens is not one.
my $RANDOM = qr/(?=[a-z_-]*[0-9A-Z])/;

# [kind, shape, how many characters of a match are its public prefix and may be shown].
# Where the shape has a group, the group is the secret.
my @KINDS = (
    ['Fettle key',               qr/ftl_[a-z2-7]{16}_[A-Za-z0-9_-]{43}/, 4],
    ['Fernet token',             qr/ENC:v1:[A-Za-z0-9_+\/-]{40,}/, 7],
    ['Fernet key',               qr/(?i:fernet_?key)[^A-Za-z0-9_-]{1,8}([A-Za-z0-9_-]{43}=)/, 0],
    ['PEM private key',          qr/-{4,5} ?BEGIN (?:[A-Z0-9]+ ){0,4}PRIVATE KEY(?: BLOCK)? ?-{4,5}/, 0],
    ['PuTTY private key',        qr/PuTTY-User-Key-File-[0-9]/, 0],
    ['Anthropic key',            qr/${START}sk-ant-${RANDOM}[A-Za-z0-9_-]{24,}/, 7],
    ['OpenAI key',               qr/${START}sk-(?:(?:proj|svcacct|admin|None)-${RANDOM}[A-Za-z0-9_-]{20,}|[A-Za-z0-9]{32,})/, 3],
    ['Stripe key',               qr/${START}[sr]k_(?:live|test)_[A-Za-z0-9]{16,}/, 8],
    ['Stripe webhook secret',    qr/${START}whsec_[A-Za-z0-9+\/=]{32,}/, 6],
    ['Slack token',              qr/${START}xox[abeoprs](?:\.xox[bp])?-(?:[0-9][A-Za-z0-9-]{14,}|(?=[A-Za-z-]*[0-9])[A-Za-z0-9-]{24,})/, 5],
    ['Slack app token',          qr/${START}xapp-[0-9]-[A-Za-z0-9-]{20,}/, 5],
    ['Slack webhook',            qr/(\/services\/T[A-Z0-9]{8,}\/B[A-Z0-9]{8,}\/[A-Za-z0-9]{20,})/, 10],
    ['GitHub token',             qr/gh[opsur]_[A-Za-z0-9]{36,}/, 4],
    ['GitHub fine-grained token', qr/github_pat_[A-Za-z0-9]{22}_[A-Za-z0-9]{59}/, 11],
    ['AWS access key id',        qr/(?<![A-Z0-9])(?:AKIA|ASIA|ABIA|ACCA)[A-Z0-9]{16}(?![A-Z0-9])/, 4],
    ['AWS secret key',           qr{(?i:secret[_-]?(?:access[_-]?)?key|aws[_-]?secret)\W{1,12}?([A-Za-z0-9/+]{40})(?![A-Za-z0-9/+])}, 0],
    ['AWS session token',        qr/(?i:aws[_-]?session[_-]?token)\W{1,12}?([A-Za-z0-9\/+]{100,})/, 0],
    ['Google API key',           qr/AIza[A-Za-z0-9_-]{35}/, 4],
    ['Google client secret',     qr/GOCSPX-[A-Za-z0-9_-]{28}/, 7],
    ['Google service account',   qr/"private_key_id"\s*:\s*"([0-9a-f]{40})"/, 0],
);

# What every shape above has one of. Plain words and nothing else: perl then looks for all of them in
# one pass, thirty times as fast as for the shapes.
my $HINT = join '|', map { quotemeta } qw(
    ftl_ ENC:v1: PuTTY-User sk- sk_live_ sk_test_ rk_live_ rk_test_ whsec_ xox xapp- /services/T
    gho_ ghp_ ghs_ ghu_ ghr_ github_pat_ AKIA ASIA ABIA ACCA AIza GOCSPX private_key_id
    secret Secret SECRET session Session SESSION fernet Fernet FERNET
), 'PRIVATE KEY';
$HINT = qr/$HINT/;

# What is never committed, by the name of its path (see also .gitignore).
my @NAMES = (
    ['local database',    qr{(?:^|/)\.fettle/|\.(?:db3?|s3db|duckdb)(?:-[a-z]+|\.(?:bak|old|gz|zst|zip|wal))?$|\.sqlite[^/]*$}i],
    ['environment file',  qr{(?:^|/)(?:\.env(?:\.(?!example$)[^/]*)?|\.envrc|(?!example\.env$)[^/]+\.env)$}i],
    ['private key file',  qr{(?:^|/)id_(?:rsa|dsa|ecdsa|ed25519)(?:_sk)?$|\.(?:pem|p12|pfx|key|jks|keystore|ppk|kdbx)$}i],
    ['credentials file',  qr{(?:^|/)(?:credentials(?:\.(?:json|csv|ini|toml|ya?ml|txt))?|application_default_credentials\.json|client_secret[^/]*\.json|service[_-]account[^/]*\.json|\.git-credentials|[._]netrc|\.pypirc|\.htpasswd)$|(?:^|/)\.(?:aws|ssh|gnupg)/}i],
    ['Terraform state',   qr{\.tfstate(?:\.[^/]*)?$|\.tfplan$}i],
);

# One glob a line: * is anything but a slash, ** anything, ? one character; # starts a comment.
sub read_allow_list {
    my ($file) = @_;
    open my $fh, '<', $file or return ();
    my @patterns;
    while (my $line = <$fh>) {
        $line =~ s/(?:^|\s)#.*//;
        $line =~ s/^\s+|\s+$//g;
        next if $line eq '';
        fail("$file line $.: '$line' would allow everything") if $line =~ m{^[*?/]+$};
        my $regex = join '', map { $_ eq '**/' ? '(?:.*/)?' : $_ eq '**' ? '.*' : $_ eq '*' ? '[^/]*' : $_ eq '?' ? '[^/]' : quotemeta }
            $line =~ m{\*\*/|\*\*|\*|\?|[^*?]+}g;
        push @patterns, qr/\A$regex\z/s;
    }
    return @patterns;
}

my @allowed = read_allow_list('scripts/.secrets-allowlist');
sub is_allowed { my ($path) = @_; for (@allowed) { return 1 if $path =~ $_ } return 0 }

sub mask {
    my ($secret, $shown) = @_;
    return substr($secret, 0, $shown) . '...(' . length($secret) . ' characters)';
}

# For printing: secrets masked, and nothing that a terminal would obey.
sub printable {
    my ($text) = @_;
    for my $kind (@KINDS) {
        my (undef, $shape, $shown) = @$kind;
        $text =~ s/($shape)/mask($1, $shown)/ge;
    }
    $text =~ s/[\x00-\x1f\x7f]/?/g;
    return $text;
}

my (@findings, %reported);

sub report {
    my ($where, $place, $kind, $secret, $masked) = @_;
    my $scope = $where eq 'working tree' ? 'tree' : 'history';
    my ($file) = $place =~ /\A(.*?)(?::\d+)?\z/s;
    return if $reported{join "\0", $scope, $file, $kind, $secret}++;
    push @findings, sprintf '  %s  %s  %s%s', $where, printable($place), $kind, $masked eq '' ? '' : "  $masked";
}

sub scan_name {
    my ($where, $path) = @_;
    for my $name (@NAMES) {
        report($where, $path, "$name->[0], refused by its name", '', '') if $path =~ $name->[1];
    }
    scan_text($where, "the path $path", \$path);
}

sub scan_text {
    my ($where, $place, $text) = @_;
    my ($number, $counted) = (1, 0); # the number of the line that byte $counted is in
    while ($$text =~ /$HINT/g) {
        my $start = rindex($$text, "\n", $-[0]) + 1;
        my $end = index $$text, "\n", $start;
        $end = length $$text if $end < 0;
        pos($$text) = $end;
        my $line = substr $$text, $start, $end - $start;
        next if $line =~ /pragma:\s*allow-secret/;
        $number += substr($$text, $counted, $start - $counted) =~ tr/\n//;
        $counted = $start;
        for my $kind (@KINDS) {
            my ($name, $shape, $shown) = @$kind;
            while ($line =~ /$shape/g) {
                my $secret = defined $1 ? $1 : substr $line, $-[0], $+[0] - $-[0];
                report($where, "$place:$number", $name, $secret, mask($secret, $shown));
            }
        }
    }
}

# UTF-16 is ASCII with NULs in between.
sub without_nuls { my ($text) = @_; $$text =~ tr/\0//d; return $text }

sub git_output {
    my (@command) = @_;
    open my $fh, '-|', 'git', @command or fail("git: $!");
    binmode $fh;
    local $/;
    my $output = <$fh>;
    close $fh or fail("`git @command` failed");
    return defined $output ? $output : '';
}

# Runs git with the lines as its standard input (from a file: no pipe can fill up) and calls
# $read with its output.
sub git_fed {
    my ($lines, $command, $read) = @_;
    my $file = File::Temp->new;
    print {$file} map { "$_\n" } @$lines or fail("temporary file: $!");
    close $file or fail("temporary file: $!");
    open my $input, '<', $file->filename or fail("temporary file: $!");
    my $pid = open2(my $output, '<&' . fileno $input, 'git', @$command);
    binmode $output;
    my $result = $read->($output);
    close $output;
    waitpid $pid, 0;
    fail("`git @$command` failed") if $? != 0;
    return $result;
}

# The files that the commits bring: [object, commit, path], each pair of object and path once, with
# the first commit that has it. For a merge (-c) those that differ from all its parents: the rest
# came from a parent, which is scanned itself or is at the other side already.
sub files_of {
    my ($commits) = @_;
    my @fields = split /\0/, git_fed($commits, [qw(diff-tree --stdin -r -c --root -z --raw --no-renames)], sub { local $/; readline $_[0] }) // '';
    my ($commit, @files, %seen);
    while (@fields) {
        my $field = shift @fields;
        if ($field =~ /\A[0-9a-f]{40,64}\z/) { $commit = $field; next }
        $field =~ /\A(:+)(.*)\z/ or fail("cannot read git diff-tree's line '" . printable($field) . "'");
        my ($parents, @columns) = (length $1, split / /, $2);
        my ($mode, $object, $path) = ($columns[$parents], $columns[2 * $parents + 1], shift @fields);
        next if $mode eq '000000' || $mode eq '160000'; # removed; another repository's commit
        push @files, [$object, $commit, $path] unless $seen{"$object\0$path"}++;
    }
    return @files;
}

# Reads the objects with one git process and scans each under the places that it has.
sub scan_objects {
    my ($places) = @_; # object => [[where, place], ...]
    my @objects = sort keys %$places or return;
    git_fed(\@objects, [qw(cat-file --batch --buffer)], sub {
        my ($output) = @_;
        while (my $header = readline $output) {
            my ($object, $type, $size) = $header =~ /\A([0-9a-f]+) ([a-z]+) ([0-9]+)\n\z/
                or fail("cannot read an object: $header");
            my $text = '';
            for (my $left = $size + 1; $left > 0;) {
                my $got = read $output, $text, $left, length $text;
                fail("cannot read object $object") unless $got;
                $left -= $got;
            }
            chop $text;
            without_nuls(\$text);
            scan_text(@$_, \$text) for @{ $places->{$object} };
        }
        return 1;
    });
}

sub scan_commits {
    my ($tags, @revisions) = @_; # $tags: [[object, name], ...]
    my @commits = split /\n/, git_output('rev-list', '--reverse', '--topo-order', @revisions, '--');
    my %places;
    push @{ $places{ $_->[0] } }, ["tag $_->[1]", 'the message'] for @$tags;
    push @{ $places{$_} }, ['commit ' . substr($_, 0, 12), 'the message'] for @commits;
    my @files = files_of(\@commits);
    for my $file (@files) {
        my ($object, $commit, $path) = @$file;
        next if is_allowed($path);
        my $where = 'commit ' . substr($commit, 0, 12);
        scan_name($where, $path);
        push @{ $places{$object} }, [$where, $path];
    }
    scan_objects(\%places);
    return scalar(@commits) . ' commits, ' . scalar(@files) . ' file versions';
}

sub scan_working_tree {
    my %seen;
    my @paths = grep { !$seen{$_}++ } split /\0/, git_output(qw(ls-files -z --cached --others --exclude-standard));
    my $count = 0;
    for my $path (@paths) {
        my $text;
        if (-l $path) { $text = readlink $path }
        elsif (-f _) {
            open my $fh, '<:raw', $path or fail(printable($path) . ": $!");
            local $/;
            $text = <$fh>;
        }
        next unless defined $text; # removed but not yet committed, or a folder that is a repository
        $count++;
        next if is_allowed($path);
        scan_name('working tree', $path);
        scan_text('working tree', $path, without_nuls(\$text));
    }
    return "$count files of the working tree";
}

# A ref's annotated tags down to its commit: ([[object, name], ...], commit).
sub peel {
    my ($object, $name) = @_;
    my @tags;
    while ((my $type = git_output('cat-file', '-t', $object)) ne "commit\n") {
        fail("$name is neither a commit nor a tag of one: it cannot be checked") if $type ne "tag\n";
        push @tags, [$object, $name];
        ($object) = git_output('cat-file', 'tag', $object) =~ /\Aobject ([0-9a-f]+)\n/;
    }
    return (\@tags, $object);
}

sub those_here {
    my (@objects) = @_;
    my $answers = git_fed(\@objects, [qw(cat-file --batch-check)], sub { local $/; readline $_[0] });
    return ($answers // '') =~ /^([0-9a-f]+) [a-z]+ [0-9]+$/mg;
}

# git's pre-push lines: LOCAL_REF LOCAL_OBJECT REMOTE_REF REMOTE_OBJECT. Left out is what this remote
# has: the objects that git says it has and, if it has a name, the branches last seen there. Another
# remote's do not count: what is on a private one must not reach a public one unseen.
sub scan_push {
    my $remote = @_ ? $_[0] : '';
    my (@tags, @tips, @there);
    for my $line (<STDIN>) {
        my ($name, $local, $remote_object) = $line =~ /\A(\S+) ([0-9a-f]{40,64}) \S+ ([0-9a-f]{40,64})\s*\z/
            or fail('cannot read the line on standard input: ' . printable($line));
        next if $local =~ /\A0+\z/; # the ref is deleted
        my ($its_tags, $tip) = peel($local, $name);
        push @tags, @$its_tags;
        push @tips, $tip;
        push @there, $remote_object unless $remote_object =~ /\A0+\z/;
    }
    return 'nothing pushed' unless @tips;
    my @known = map { "^$_" } those_here(@there);
    push @known, '--not', "--remotes=$remote" if grep { $_ eq $remote } split /\n/, git_output('remote');
    return scan_commits(\@tags, @tips, @known);
}

sub scan_history {
    my @tags;
    for (split /\n/, git_output('for-each-ref', '--format=%(objecttype) %(objectname) %(refname)', 'refs/tags')) {
        my ($type, $object, $name) = split / /, $_, 3;
        push @tags, [$object, $name] if $type eq 'tag';
    }
    return scan_commits(\@tags, '--all', system('git rev-parse -q --verify HEAD >/dev/null') == 0 ? 'HEAD' : ());
}

my ($mode, @arguments) = @ARGV;
my @scanned;
push @scanned, scan_push(@arguments)           if $mode eq 'push';
push @scanned, scan_commits([], @arguments)    if $mode eq 'range';
push @scanned, scan_history()                  if $mode eq 'all';
push @scanned, scan_working_tree()             if $mode eq 'all' || $mode eq 'tree';
my $scanned = join ' and ', @scanned;
$scanned .= ' (a shallow clone: older commits are not here)' if $mode ne 'tree' && git_output(qw(rev-parse --is-shallow-repository)) eq "true\n";

if (!@findings) { print "check-secrets: clean: $scanned\n"; exit 0 }

my $limit = 100;
print "check-secrets: ", scalar(@findings), " found in $scanned\n";
print "$_\n" for @findings[0 .. ($#findings < $limit ? $#findings : $limit - 1)];
print "  ... and ", @findings - $limit, " more\n" if @findings > $limit;
print <<'ADVICE';
A secret that was committed is to be revoked. Taking it out in a later commit does not help, for the
earlier one is pushed too: rewrite the commit (git commit --amend, git rebase -i) and try again.
What is no secret: `pragma: allow-secret` on its line, or its path in scripts/.secrets-allowlist.
ADVICE
exit 1;
PERL

mode=all
case "${1-}" in
  '') ;;
  -h | --help)
    usage
    exit 0
    ;;
  --tree | --install)
    [ $# -eq 1 ] || fail "$1 takes nothing more (see --help)"
    mode="${1#--}"
    ;;
  --range)
    [ $# -ge 2 ] || fail "--range takes the revisions to scan (see --help)"
    mode=range
    ;;
  --pre-push)
    [ $# -le 3 ] || fail "--pre-push takes the remote and its address (see --help)"
    mode=push
    ;;
  -*) fail "unknown option $1 (see --help)" ;;
  *) # git calls a hook with the remote and its address: so this file may be linked as one
    [ $# -eq 2 ] || fail "unknown argument $1 (see --help)"
    mode=push
    set -- --pre-push "$@"
    ;;
esac
[ $# -eq 0 ] || shift

for tool in git perl; do
  command -v "$tool" > /dev/null || fail "$tool is not installed"
done

# As a hook the repository is the one that pushes, else the one that this file is in.
if [ "$mode" != push ]; then
  # shellcheck disable=SC2046 # names of variables, one a word
  unset $(git rev-parse --local-env-vars)
  CDPATH='' cd -- "$(dirname -- "${BASH_SOURCE[0]}")" || fail "cannot enter this file's folder"
fi
root="$(git rev-parse --show-toplevel)" || fail "not in a git work tree"
cd -- "$root"

if [ "$mode" = install ]; then
  install_hook
  exit 0
fi

export GIT_NO_REPLACE_OBJECTS=1 # what is pushed, not what refs/replace shows in its place
export LC_ALL=C
exec perl -e "$SCANNER" -- "$mode" ${1+"$@"}
