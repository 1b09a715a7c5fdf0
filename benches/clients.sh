#!/usr/bin/env bash
# The same work by `reg` and by every other client that is installed, between two registries of the same kind, in one run.
#
#   benches/clients.sh [-n RUNS] [-s LAYER_MIB] [-w WORK,...] [REG]
#
# Prints, per work and client: wall seconds, CPU seconds, peak MiB, requests (counted in the registries' access logs), of
# the fastest of RUNS runs, and the ratio to `reg`. Needs `registry` (distribution 3) or `docker-registry` (2.8), GNU time,
# and any of crane, regctl, skopeo, oras on PATH or in REG_PEERS_BIN. Everything is in a temporary directory, on loopback.
set -euo pipefail

runs=3 layer_mib=25 works=one,one-again,all,all-again,tags,digest
while getopts n:s:w: option; do
  case $option in
  n) runs=$OPTARG ;;
  s) layer_mib=$OPTARG ;;
  w) works=$OPTARG ;;
  *) exit 2 ;;
  esac
done
shift $((OPTIND - 1))
export PATH=${REG_PEERS_BIN:+$REG_PEERS_BIN:}$PATH
reg=$(realpath "${1:-target/release/reg}")
[[ -x $reg ]] || { echo "error: $reg is not there; cargo build --release" >&2; exit 2; }
registry=$(command -v registry || command -v docker-registry) || { echo "error: no registry is installed" >&2; exit 2; }
[[ -x /usr/bin/time ]] || { echo "error: /usr/bin/time (GNU) is not installed" >&2; exit 2; }

temp=$(mktemp -d)
pids=()
finish() {
  for pid in "${pids[@]}"; do kill "$pid" 2>/dev/null || true; done
  wait 2>/dev/null || true
  rm -rf "$temp"
}
trap finish EXIT
export HOME=$temp XDG_CONFIG_HOME=$temp/config REGCTL_CONFIG=$temp/regctl.json REGISTRY_AUTH_FILE=$temp/auth.json
echo '{}' >"$temp/auth.json"

# start NAME: a registry on a free port; sets host_NAME and log_NAME.
start() {
  local port log=$temp/$1.log
  for _ in {1..20}; do
    port=$((20000 + RANDOM % 10000))
    cat >"$temp/$1.yml" <<YAML
version: 0.1
log: {level: error}
storage: {filesystem: {rootdirectory: $temp/$1}, delete: {enabled: true}}
http: {addr: "127.0.0.1:$port"}
YAML
    # The registry would take REGISTRY_AUTH_FILE for a setting of its own.
    env -u REGISTRY_AUTH_FILE OTEL_TRACES_EXPORTER=none "$registry" serve "$temp/$1.yml" >"$log" 2>&1 &
    local pid=$!
    for _ in {1..50}; do
      kill -0 "$pid" 2>/dev/null || break
      if (exec 3<>"/dev/tcp/127.0.0.1/$port") 2>/dev/null; then
        pids+=("$pid")
        printf -v "host_$1" 127.0.0.1:%s "$port"
        printf -v "log_$1" %s "$log"
        return
      fi
      sleep 0.1
    done
    kill "$pid" 2>/dev/null || true
  done
  echo "error: $registry does not start: $(head -1 "$log")" >&2
  exit 1
}

# blob DIR < BYTES: adds a blob to a layout; prints `"digest":…,"size":…`.
blob() {
  local digest
  cat >"$1/part"
  digest=$(sha256sum <"$1/part")
  digest=${digest%% *}
  local size
  size=$(stat -c %s "$1/part")
  mv "$1/part" "$1/blobs/sha256/$digest"
  echo "\"digest\":\"sha256:$digest\",\"size\":$size"
}

# layout DIR
layout() {
  mkdir -p "$1/blobs/sha256"
  echo -n '{"imageLayoutVersion":"1.0.0"}' >"$1/oci-layout"
}

oci=application/vnd.oci.image
# image DIR CONFIG LAYER,...: adds a manifest; prints its descriptor without the closing brace.
image() {
  local config
  config=$(echo -n "$2" | blob "$1")
  echo -n "\"mediaType\":\"$oci.manifest.v1+json\",$(echo -n "{\"schemaVersion\":2,\"mediaType\":\"$oci.manifest.v1+json\",\"config\":{\"mediaType\":\"$oci.config.v1+json\",$config},\"layers\":[$3]}" | blob "$1")"
}

layer() { echo "{\"mediaType\":\"$oci.layer.v1.tar+gzip\",$1}"; }

entry() { echo "{$1,\"annotations\":{\"org.opencontainers.image.ref.name\":\"$2\"}}"; }

index() { (IFS=,; echo "{\"schemaVersion\":2,\"manifests\":[$*]}"); }

seed() {
  local layers=() entries=() dir=$temp/seed
  layout "$dir/one"
  for _ in {1..20}; do
    layers+=("$(layer "$(head -c $((layer_mib << 20)) /dev/urandom | blob "$dir/one")")")
  done
  index "$(entry "$(image "$dir/one" '{"os":"linux","architecture":"amd64"}' "$(IFS=,; echo "${layers[*]}")")" v1)" \
    >"$dir/one/index.json"
  layout "$dir/all"
  local base
  base=$(layer "$(head -c 1000000 /dev/urandom | blob "$dir/all")")
  for n in {1..200}; do
    local own
    own=$(layer "$(head -c 20000 /dev/urandom | blob "$dir/all")")
    entries+=("$(entry "$(image "$dir/all" "{\"os\":\"linux\",\"architecture\":\"amd64\",\"n\":$n}" "$base,$own")" "v$n")")
  done
  index "${entries[@]}" >"$dir/all/index.json"
  layout "$dir/tags"
  local same
  same=$(image "$dir/tags" '{}' "$(layer "$(echo -n x | blob "$dir/tags")")")
  entries=()
  for n in {1..2000}; do entries+=("$(entry "$same" "v$n")"); done
  index "${entries[@]}" >"$dir/tags/index.json"
  "$reg" copy -q "oci:$dir/one:v1" "$host_a/bench/one:v1"
  "$reg" copy -q --all-tags "oci:$dir/all" "$host_a/bench/all"
  "$reg" copy -q --all-tags "oci:$dir/tags" "$host_a/bench/tags"
  rm -rf "$dir"
}

# commands CLIENT WORK RUN: prints the command line; nothing where the client cannot do it. A work and its `-again` share
# the repository they write to.
command_of() {
  local to=$host_b/$1-$3
  case $1-${2%-again} in
  reg-one) echo "$reg copy -q $host_a/bench/one:v1 $to/one:v1" ;;
  reg-all) echo "$reg copy -q --all-tags $host_a/bench/all $to/all" ;;
  reg-tags) echo "$reg tags -o name $host_a/bench/tags" ;;
  reg-digest) echo "$reg digest $host_a/bench/one:v1" ;;
  crane-one) echo "crane copy $host_a/bench/one:v1 $to/one:v1" ;;
  crane-all) echo "crane copy --all-tags $host_a/bench/all $to/all" ;;
  crane-tags) echo "crane ls $host_a/bench/tags" ;;
  crane-digest) echo "crane digest $host_a/bench/one:v1" ;;
  regctl-one) echo "regctl image copy $host_a/bench/one:v1 $to/one:v1" ;;
  regctl-all) echo "regctl repo copy $host_a/bench/all $to/all" ;;
  regctl-tags) echo "regctl tag ls $host_a/bench/tags" ;;
  regctl-digest) echo "regctl image digest $host_a/bench/one:v1" ;;
  skopeo-one) echo "skopeo --insecure-policy copy -q --all --src-tls-verify=false --dest-tls-verify=false docker://$host_a/bench/one:v1 docker://$to/one:v1" ;;
  skopeo-all) echo "skopeo --insecure-policy sync --all --src-tls-verify=false --dest-tls-verify=false --src docker --dest docker $host_a/bench/all $to" ;;
  skopeo-tags) echo "skopeo list-tags --tls-verify=false docker://$host_a/bench/tags" ;;
  oras-one) echo "oras cp --from-plain-http --to-plain-http $host_a/bench/one:v1 $to/one:v1" ;;
  oras-tags) echo "oras repo tags --plain-http $host_a/bench/tags" ;;
  oras-digest) echo "oras resolve --plain-http $host_a/bench/one:v1" ;;
  esac
}

# Lines of the access logs so far; a log is written after the answer, so it is read when it stands still.
requests() {
  local before=-1 now=0
  while [[ $before != "$now" ]]; do
    before=$now
    sleep 0.05
    now=$(cat "$log_a" "$log_b" | grep -c '"[A-Z]* /v2/' || true)
  done
  echo "$now"
}

# measure COMMAND: prints `wall cpu peak requests`, or nothing if it fails.
measure() {
  local before after
  before=$(requests)
  # time(1) counts hundredths of a second; many of these commands take less.
  local begin=${EPOCHREALTIME/[.,]/} end
  # shellcheck disable=SC2086 # the command is words
  /usr/bin/time -o "$temp/time" -f '%U %S %M' $1 >"$temp/out" 2>&1 || { tail -2 "$temp/out" >&2; return 0; }
  end=${EPOCHREALTIME/[.,]/}
  after=$(requests)
  awk -v n=$((after - before)) -v us=$((end - begin)) \
    '{ printf "%.3f %.2f %.0f %d\n", us / 1e6, $1 + $2, $3 / 1024, n }' "$temp/time"
}

start a
start b
if command -v regctl >/dev/null; then
  regctl registry set --tls disabled "$host_a" >/dev/null
  regctl registry set --tls disabled "$host_b" >/dev/null
fi
seed
clients=(reg)
for client in crane regctl skopeo oras; do
  if command -v "$client" >/dev/null; then clients+=("$client"); fi
done
printf '%-10s %-7s %8s %7s %8s %9s %6s\n' work client wall_s cpu_s peak_mib requests wall_x
IFS=, read -ra chosen <<<"$works"
for work in "${chosen[@]}"; do
  own=
  for client in "${clients[@]}"; do
    best=
    for ((run = 1; run <= runs; run++)); do
      line=$(command_of "$client" "$work" "$run")
      if [[ -z $line ]]; then break; fi
      result=$(measure "$line")
      if [[ -z $result ]]; then break; fi
      if [[ -z $best ]] || awk -v a="${result%% *}" -v b="${best%% *}" 'BEGIN { exit !(a < b) }'; then best=$result; fi
    done
    if [[ -z $best ]]; then continue; fi
    read -r wall cpu peak count <<<"$best"
    own=${own:-$wall}
    ratio=$(awk -v a="$wall" -v b="$own" 'BEGIN { printf "%.2f", a / (b > 0 ? b : 0.001) }')
    printf '%-10s %-7s %8s %7s %8s %9s %6s\n' "$work" "$client" "$wall" "$cpu" "$peak" "$count" "$ratio"
  done
done
