-- Every early return of replication, forced on whoever leads. What the leader holds at that moment
-- must be given back; the check for leaks at the end of the run does the rest.
scenario{
  name   = "early_returns",
  doc    = "Each early return of replication is taken on the leader, once and repeatedly, under load.",
  tags   = {"leak", "sweep"},
  params = {
    point = {"replication.prepare.readonly", "the early return"},
    every = {3, "every nth time it could be taken", min = 1},
  },
  sweep  = { point = fault.points("replication.**"), every = {1, 2, 5} },

  run = function(p)
    local c = cluster{ nodes = 3, batch_entries = 4, window_messages = 2 }
    c:wait_leader()
    local is_memory = p.point:find("alloc", 1, true) ~= nil
    fault.at(p.point):on("leader"):every(p.every):for_ms(400):errno(is_memory and "ENOMEM" or "EREADONLY")
      :optional()
    local load = c:load{ clients = 3, rate_per_s = 150, for_ms = 600 }
    load:wait()
  end,
}
