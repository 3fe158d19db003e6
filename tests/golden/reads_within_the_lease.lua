-- After a heartbeat that a majority has answered, a read waits for nobody and sends nothing. Once n1
-- is cut off and the lease is over, a read waits for a majority, in vain.
scenario{
  name   = "reads_within_the_lease",
  doc    = "A read within the lease is answered at once, and one behind it by a majority or not at all.",
  finish = "as_is",
  run = function()
    -- After a start nobody may campaign for 150 ms: it may be bound by a lease.
    local c = cluster{ nodes = 3, jitter_ms = 0, disk_read_ms = 0, disk_write_ms = 0, disk_sync_ms = 0,
                       apply_ms = 0, heartbeat_ms = 100,
                       election_max_ms = 1500, lease_reads = true }
    sleep_ms(150)
    c[1]:campaign()
    local leader = c:wait_leader()
    local client = c:client()
    expect.ok(client:put("x", 1))
    sleep_ms(210)
    log("a read within the lease")
    local begun = now_us()
    expect.eq(client:get("x", { by_index = true }), 1)
    log("answered after %d us", now_us() - begun)
    log("%s is cut off; a read when the lease is over", leader.name)
    c:isolate(leader)
    sleep_ms(180)
    expect.eq(leader:is_leader(), true)
    expect.eq(client:get("x", { by_index = true, timeout_ms = 20 }), nil)
    log("not answered")
  end,
}
