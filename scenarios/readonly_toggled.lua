-- Nodes go read-only and back while work is under way, the leader among them.
scenario{
  name   = "readonly_toggled",
  doc    = "Any node, the leader too, goes read-only and back at random moments under load.",
  tags   = {"leak", "read_only", "random"},
  seeds  = 5,
  params = { rounds = {12, "how often a node changes", min = 1} },

  run = function(p)
    local c, r = cluster{ nodes = 3, batch_entries = 2, window_messages = 2 }, rng("toggle")
    c:wait_leader()
    local load = c:load{ clients = 3, rate_per_s = 150, keys = 4 }
    for _ = 1, p.rounds do
      local n = c:pick(c:nodes())
      n:set_readonly(true)
      sleep_ms(r:int(5, 150))
      n:set_readonly(false)
      sleep_ms(r:int(0, 60))
    end
    load:stop()
    load:wait()
    expect.reached("append.receive.readonly")
    expect.ok(load.ok_count > 0, "writes went on in between")
  end,
}
