import type { Binding, Side } from '../binding/binding.ts'
import { allowsFrom, directionFrom, otherSide } from '../binding/binding.ts'
import type { RemoteRepository } from '../forge/forge-api.ts'
import { mirrorRefused, noMirror, pullMirror } from './forge-error.ts'

// Which side may be a repository that its forge fills by itself. Pure.

/**
 * What is pushed to must take pushes, and what is declared a mirror must be one. Throws `pull_mirror` or
 * `no_mirror`.
 */
export function checkMirror(
  { direction }: Binding,
  side: Side,
  { mirror }: RemoteRepository,
  isDeclared: boolean,
): void {
  if (isDeclared && mirror !== 'pull') throw noMirror()
  const isTarget = allowsFrom(direction, otherSide(side))
  if (!isDeclared && mirror === 'pull' && isTarget) throw pullMirror()
}

/** A mirror takes everything, under its own name, and gives nothing back. Throws `mirror_binding`. */
export function requireMirrorable({ direction, granularity }: Binding, side: Side): void {
  const isOnlyTarget = direction === directionFrom(otherSide(side))
  if (!isOnlyTarget || granularity === 'one') throw mirrorRefused()
}
