-- n2 leads, and has every committed entry, but cannot know how far they are committed before an entry
-- of its own term is: what it replicates is held up, and until then it refuses reads.
scenario{
  name   = "read_waits_for_the_own_term",
  doc    = "A new leader answers no read before it has committed an entry of its own term.",
  finish = "as_is",
  run = function()
    local c = cluster{ nodes = 3, jitter_ms = 0, disk_read_ms = 0, disk_write_ms = 0, disk_sync_ms = 0,
                       apply_ms = 0, heartbeat_ms = 140 }
    c[1]:campaign()
    c:wait_leader()
    expect.ok(c:client():put("x", 1))
    sleep_ms(10)
    log("n1 dies; n2 leads, and nothing that it appends arrives for a while")
    c[1]:crash()
    sleep_ms(200)
    local held = c:hold{ from = 2, type = "append_req" }
    c[2]:campaign()
    c:wait_leader{ other_than = 1 }
    log("a read, which is tried again and again")
    local read = spawn(function() expect.eq(c:client():get("x", { by_index = true }), 1) end)
    sleep_ms(40)
    log("the appends arrive")
    held:release()
    read:join()
  end,
}
