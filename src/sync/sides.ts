import type { Direction, Side } from '../binding/binding.ts'

// Which way things travel. A sync only borrows the words of a binding, it does not know bindings.

export type Way = Exclude<Direction, 'both'>

export function otherSide(side: Side): Side {
  return side === 'internal' ? 'external' : 'internal'
}

export function wayFrom(source: Side): Way {
  return source === 'internal' ? 'to_outer' : 'to_inter'
}

export function sourceOf(way: Way): Side {
  return way === 'to_outer' ? 'internal' : 'external'
}
