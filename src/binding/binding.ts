import type { BindingId, BranchBindingId, SshKeyId } from '../ids.ts'
import type { BranchName, RemoteUrl } from '../git/refs.ts'
import type { Rules } from './rules.ts'

// A binding is a pair of repositories, one per side, and the rules for what travels between them.

export type Side = 'internal' | 'external'
export const SIDES: readonly Side[] = ['internal', 'external']

/** `to_outer`: internal to external; `to_inter`: external to internal; `both`: whoever moved wins. */
export type Direction = 'to_outer' | 'to_inter' | 'both'

/** `all`: every branch and tag; `one`: only the branch bindings. */
export type Granularity = 'all' | 'one'

export type BindingSide = {
  /** As the user wrote it, without credentials. */
  readonly address: string
  /** The same address as git gets it. */
  readonly url: RemoteUrl
  readonly host: string
  /** `host:port`, as a circuit knows a server; empty: a local repository. */
  readonly endpoint: string
  /** Whether it has a credential of its own. */
  readonly hasCredential: boolean
  /** The key that stands in its place. */
  readonly sshKeyId: SshKeyId | null
}

/** Runs stand still because nothing but a change of access or address will help; see `pause.ts`. */
export type Pause = {
  /** What failed, a kind of `git/git-error.ts`. */
  readonly kind: string
  readonly detail: string
  readonly since: number
  /** When the sides are tried again without being asked. */
  readonly probeAt: number
}

export type Binding = {
  readonly id: BindingId
  readonly name: string
  readonly enabled: boolean
  readonly granularity: Granularity
  readonly direction: Direction
  readonly internal: BindingSide
  readonly external: BindingSide
  readonly rules: Rules
  readonly pause: Pause | null
  readonly createdAt: number
  readonly updatedAt: number
}

export type BranchBinding = {
  readonly id: BranchBindingId
  readonly bindingId: BindingId
  readonly enabled: boolean
  readonly internalBranch: BranchName
  readonly externalBranch: BranchName
  readonly createdAt: number
}

/** The key under which runs, agreed shas, mirrors and backups of a binding are kept. */
export function bindingSubject(id: BindingId): string {
  return `binding:${id}`
}

/** Where a dry run of the binding waits: beside its real runs, so that neither holds up the other. */
export function previewSubject(id: BindingId): string {
  return `preview:${id}`
}

/** The binding as its runs remember it, also when it is gone. */
export function runSubjectOf(
  binding: Pick<Binding, 'id' | 'name'> & { readonly pause: Pick<Pause, 'probeAt'> | null } & Readonly<
      Record<Side, Pick<BindingSide, 'host' | 'endpoint'>>
    >,
) {
  return {
    subject: bindingSubject(binding.id),
    bindingId: binding.id,
    taskId: null,
    name: binding.name,
    hosts: { internal: binding.internal.host, external: binding.external.host },
    endpoints: { internal: binding.internal.endpoint, external: binding.external.endpoint },
    notBefore: binding.pause?.probeAt ?? null,
  } as const
}

export function otherSide(side: Side): Side {
  return side === 'internal' ? 'external' : 'internal'
}

/** The one-way direction in which a change on the given side travels. */
export function directionFrom(side: Side): Exclude<Direction, 'both'> {
  return side === 'internal' ? 'to_outer' : 'to_inter'
}

export function allowsFrom(direction: Direction, side: Side): boolean {
  return direction === 'both' || direction === directionFrom(side)
}

/** The side whose heads are copied; for `both` that is decided per ref, so there is none. */
export function sourceSide(direction: Exclude<Direction, 'both'>): Side {
  return direction === 'to_outer' ? 'internal' : 'external'
}
