const LOW_PORTS: ReadonlySet<number> = new Set([22, 80, 443])
// Services that would take a git request for something else; forges do not live there.
const DENIED_PORTS: ReadonlySet<number> = new Set([
  2049, 2375, 2376, 2379, 3306, 4045, 5432, 6000, 6379, 6566, 6665, 6666, 6667, 6668, 6669, 6697, 9200, 11211,
  27017,
])

/** Whether a forge, or what belongs to it, may be expected at this port. */
export function isForgePort(port: number): boolean {
  const isUsual = LOW_PORTS.has(port) || (port >= 1024 && port <= 65535)
  return isUsual && !DENIED_PORTS.has(port)
}
