-- Segments so small that each holds one entry: the smallest file that recovery has to take for whole.
scenario{
  name   = "one_entry_segments",
  doc    = "Each segment holds a single entry; after every power failure all acknowledged writes are there.",
  tags   = {"disk", "crash", "recovery"},
  seeds  = 3,
  params = { failures = {4, "how often the power fails", min = 1} },

  run = function(p)
    local c = cluster{ nodes = 3, segment_bytes = 64, batch_entries = 1 }
    for value = 1, p.failures do
      c:wait_leader()
      local cl = c:client()
      expect.ok(cl:put("x", value))
      expect.ok(cl:put("y", value))
      expect.converged{ within_ms = 2000 }
      local before = c[1].last_index
      for _, n in ipairs(c:nodes()) do n:crash() end
      for _, n in ipairs(c:nodes()) do n:restart() end
      expect.ok(c[1].last_index >= before, "the log is as long as it was")
      c:wait_leader()
      expect.eq(cl:get("y"), value, "what was acknowledged")
    end
  end,
}
