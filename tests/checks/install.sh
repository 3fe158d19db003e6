#!/usr/bin/env bash
# What is installed of the core is enough to build a server: headers, archives and raft.pc, in a
# folder of any name. A small program is compiled against them with pkg-config, and run.
#
# Usage: install.sh BUILD SCRATCH
set -euo pipefail
build=$1
scratch=$2
compiler=${CC:-cc}
failed=0

rm -rf "$scratch"
mkdir -p "$scratch/store"
cmake --install "$build" --prefix "$scratch/first" >"$scratch/install.log"
mv "$scratch/first" "$scratch/prefix" # it may be moved
prefix=$scratch/prefix

for file in include/raft/{entry,env,log,message,points,posix,raft,replica,storage,types}.h \
    include/raft/fault_points.def lib/pkgconfig/raft.pc \
    lib/libraft_core.a lib/libraft_replica.a lib/libraft_posix.a; do
    [ -s "$prefix/$file" ] || {
        echo "$file: is not installed"
        failed=1
    }
done
[ "$failed" -eq 0 ] || exit 1

cat >"$scratch/example.c" <<'PROGRAM'
#include <raft/posix.h>
#include <raft/replica.h>
#include <stdio.h>
#include <stdlib.h>

static void *get(void *ctx, enum raft_point point, size_t size)
{
    (void)ctx, (void)point;
    return malloc(size);
}
static void give(void *ctx, void *block) { (void)ctx, free(block); }
static enum raft_status run(void *ctx, enum raft_point point, struct raft_io *io)
{
    (void)point;
    return raft_posix_files_run(ctx, io);
}
static enum raft_status list(void *ctx, enum raft_point point, raft_list_visit visit, void *visitor)
{
    (void)point;
    return raft_posix_files_list(ctx, visit, visitor);
}

int main(int count, char **arguments)
{
    struct raft_posix_files *files;
    struct raft_replica *replica;
    struct raft_options options;
    const struct raft_memory memory = {.alloc = get, .free = give};
    if (count != 2 || raft_posix_files_open(arguments[1], &files) != RAFT_OK) return 1;
    const struct raft_env env = {.ctx = files, .memory = &memory, .io_run = run, .list = list};
    raft_options_init(&options);
    options.id = options.voters[0] = options.voter_count = 1;
    if (raft_replica_create(&options, &env, &replica) != RAFT_OK) return 1;
    puts(raft_status_string(raft_replica_start(replica, 0, false))); /* the store is not there */
    raft_replica_destroy(replica);
    raft_posix_files_close(files);
    return 0;
}
PROGRAM

export PKG_CONFIG_PATH=$prefix/lib/pkgconfig
read -r -a flags <<<"$(pkg-config --cflags --libs raft)"
"$compiler" -std=c11 -Wall -Wextra -Werror "$scratch/example.c" "${flags[@]}" -o "$scratch/example"
said=$("$scratch/example" "$scratch/store")
[ "$said" = "durable promises are lost" ] || {
    echo "the example says: $said"
    failed=1
}
rm -rf "$scratch"
exit "$failed"
