import { z } from 'zod'
import type { Binding, BindingSide, Direction } from '../../binding/binding.ts'
import { DEFAULT_BRANCH_POLICIES, DELETE_POLICIES, TAG_POLICIES } from '../../binding/rules.ts'
import type { Rules } from '../../binding/rules.ts'
import { SshKeyId } from '../../ids.ts'
import { isoTime } from './paging.ts'

// The shapes of bindings under /api/v1, in and out. Secrets go in and never come out.

const text = z.string().regex(/^[^\0]*$/, 'NUL is not allowed')

const DIRECTIONS = new Map<string | number, Direction>([
  ['to_outer', 'to_outer'],
  [1, 'to_outer'],
  ['to_inter', 'to_inter'],
  [2, 'to_inter'],
  ['both', 'both'],
  [3, 'both'],
])

export const DirectionText = z.union([z.string(), z.number()]).transform((value, context): Direction => {
  const direction = DIRECTIONS.get(value)
  if (direction !== undefined) return direction
  context.addIssue('one of to_outer (1), to_inter (2), both (3)')
  return z.NEVER
})

const rules = {
  include: z.array(text).optional(),
  exclude: z.array(text).optional(),
  rename: z.array(z.strictObject({ internal: text, external: text })).optional(),
  tag_policy: z.enum(TAG_POLICIES).optional(),
  delete_policy: z.enum(DELETE_POLICIES).optional(),
  default_branch: z.enum(DEFAULT_BRANCH_POLICIES).optional(),
  lfs: z.boolean().optional(),
}

const side = { address: text, token: text.optional(), ssh_key_id: SshKeyId.optional() }
const options = {
  enabled: z.boolean().optional(),
  granularity: z.enum(['all', 'one']).optional(),
  direction: DirectionText.optional(),
  ...rules,
}

export const NewBinding = z.strictObject({
  name: text,
  internal: z.strictObject(side),
  external: z.strictObject(side),
  ...options,
})

const changedSide = z
  .strictObject({
    address: text.optional(),
    token: text.nullable().optional(),
    ssh_key_id: SshKeyId.nullable().optional(),
  })
  .optional()

export const BindingChange = z.strictObject({
  internal: changedSide,
  external: changedSide,
  /** False ends a pause; a pause is never asked for, `enabled` is the switch for people. */
  paused: z.literal(false).optional(),
  ...options,
})

export const RulesOnly = z.strictObject(rules)

/** Only what was given. */
export function toRules(given: z.infer<typeof RulesOnly>): Partial<Rules> {
  const { include, exclude, rename, tag_policy, delete_policy, default_branch, lfs } = given
  return {
    ...(include === undefined ? {} : { include }),
    ...(exclude === undefined ? {} : { exclude }),
    ...(rename === undefined ? {} : { rename }),
    ...(tag_policy === undefined ? {} : { tagPolicy: tag_policy }),
    ...(delete_policy === undefined ? {} : { deletePolicy: delete_policy }),
    ...(default_branch === undefined ? {} : { defaultBranch: default_branch }),
    ...(lfs === undefined ? {} : { lfs }),
  }
}

export function bindingToWire(binding: Binding): Record<string, unknown> {
  const { rules: held, pause } = binding
  return {
    id: binding.id,
    name: binding.name,
    enabled: binding.enabled,
    granularity: binding.granularity,
    direction: binding.direction,
    internal: sideToWire(binding.internal),
    external: sideToWire(binding.external),
    include: held.include,
    exclude: held.exclude,
    rename: held.rename,
    tag_policy: held.tagPolicy,
    delete_policy: held.deletePolicy,
    default_branch: held.defaultBranch,
    lfs: held.lfs,
    paused: pause !== null,
    paused_reason: pause?.kind ?? null,
    paused_detail: pause?.detail ?? null,
    paused_at: pause === null ? null : isoTime(pause.since),
    next_try_at: pause === null ? null : isoTime(pause.probeAt),
    created_at: isoTime(binding.createdAt),
    updated_at: isoTime(binding.updatedAt),
  }
}

function sideToWire({ address, hasCredential, sshKeyId }: BindingSide): Record<string, unknown> {
  return { address, has_token: hasCredential, ssh_key_id: sshKeyId }
}
