-- A bad network under load, with an invariant and a hook of its own.
scenario{
  name   = "flaky_links",
  doc    = "Loss, duplication, reordering, flipped bits and a slow link under load; safety holds throughout.",
  tags   = {"network", "load"},
  seeds  = 5,
  params = {
    loss   = {0.05, "probability of losing a message", min = 0, max = 1},
    run_ms = {1500, "length of the load", min = 1},
  },

  run = function(p)
    local c = cluster{ nodes = 5 }
    c:link{ loss = p.loss, dup = 0.02, reorder = 0.10, corrupt = 0.005, jitter_ms = 5 } -- every link
    c:link{ from = "leader", to = 5, latency_ms = 80, for_ms = 1000 }:optional() -- one slow follower, if it follows
    c:drop{ type = "append_rep", to = "leader", every = 50 }             -- every 50th acknowledgement

    local elected = {}
    on("leader_elected", function(ev) elected[ev.term] = (elected[ev.term] or 0) + 1 end)
    expect.always("at most one leader a term", { on = "leader_elected" }, function()
      for _, count in pairs(elected) do
        if count > 1 then return false end
      end
      return true
    end)
    local highest = 0
    expect.never("the committed index goes back", { on = "committed" }, function()
      local now = c:committed()
      local back = now < highest
      highest = now
      return back
    end)

    local load = c:load{ clients = 4, rate_per_s = 80, keys = 3, mix = { put = 2, get = 2, cas = 1 },
                         for_ms = p.run_ms }
    load:wait()
    expect.reached("message_dropped", { min = 10 })
    expect.ok(load.ok_count > 10, "the cluster made progress")
  end,
}
