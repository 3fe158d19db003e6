-- A leader asks at each election timeout of its own whether it has heard of a majority since the last
-- one. Cut off, it steps down at the second; the others have elected another one by then.
scenario{
  name   = "check_quorum_steps_down",
  doc    = "A leader that is cut off steps down within two election timeouts.",
  finish = "as_is",
  run = function()
    local c = cluster{ nodes = 3, jitter_ms = 0, disk_read_ms = 0, disk_write_ms = 0, disk_sync_ms = 0,
                       apply_ms = 0, heartbeat_ms = 100 }
    c[1]:campaign()
    c:wait_leader()
    sleep_ms(20)
    log("n1 is cut off")
    c:isolate(1)
    expect.eventually("n1 steps down", { within_ms = 700, poll_ms = 10 }, function()
      return not c[1]:is_leader()
    end)
    c:wait_leader{ other_than = 1 }
    expect.eq(c[1].term, 1)
  end,
}
