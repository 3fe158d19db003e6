-- n3 is cut off and wants to campaign, again and again. It asks first, nobody hears it, and so its
-- term stays; when it is back, the leader still leads.
scenario{
  name   = "prevote_does_not_disturb",
  doc    = "A node that was cut off does not disturb the leader when it is back.",
  finish = "as_is",
  run = function()
    local c = cluster{ nodes = 3, jitter_ms = 0, disk_read_ms = 0, disk_write_ms = 0, disk_sync_ms = 0,
                       apply_ms = 0, heartbeat_ms = 140 }
    c[1]:campaign()
    c:wait_leader()
    sleep_ms(20)
    log("n3 is cut off")
    local cut = c:isolate(3)
    expect.eventually("n3 would campaign", { within_ms = 1000, poll_ms = 10 }, function()
      return c[3].role == "candidate"
    end)
    log("n3 is back")
    cut:heal()
    sleep_ms(300)
    expect.eq(c:leader().id, 1)
    expect.eq(c[3].term, 1)
  end,
}
