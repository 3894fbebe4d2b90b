import { z } from 'zod'
import type { Binding, BranchBinding, Direction } from '../../binding/binding.ts'
import { BranchBindingId } from '../../ids.ts'
import { chinaTime } from '../../run/log.ts'

// The shapes of the documented API, in and out. Numbers and booleans may come as text: a query has nothing else.

const FLAGS: ReadonlyMap<string, boolean> = new Map([
  ['true', true],
  ['1', true],
  ['yes', true],
  ['on', true],
  ['false', false],
  ['0', false],
  ['no', false],
  ['off', false],
])

const flag = z.union([z.boolean(), z.number(), z.string()]).transform((value, context): boolean => {
  const known = FLAGS.get(String(value).trim().toLowerCase())
  if (known !== undefined) return known
  context.addIssue('value could not be parsed to a boolean')
  return z.NEVER
})

const integer = z.union([z.number(), z.string()]).transform((value, context): number => {
  const text = String(value).trim()
  if (/^-?\d{1,15}$/.test(text)) return Number(text)
  context.addIssue('value is not a valid integer')
  return z.NEVER
})

/** A documented number, or the word it stands for; null is answered with a code of its own. */
function choice<const Choice extends string>(choices: Readonly<Record<string, Choice>>) {
  const wordByNumber = new Map(Object.entries(choices))
  return z.union([z.number(), z.string()]).transform((value): Choice | null => {
    const text = String(value).trim().toLowerCase()
    return wordByNumber.get(text) ?? [...wordByNumber.values()].find((word) => word === text) ?? null
  })
}

// A database may not take this character at all.
const text = z.string().regex(/^[^\0]*$/, 'NUL is not allowed')
const optionalText = text.nullish().transform((value) => value ?? undefined)

const MAX_PAGE_SIZE = 100
const MAX_PAGE = 1_000_000_000

const paging = {
  page_num: integer.pipe(z.number().min(1).max(MAX_PAGE)).default(1),
  page_size: integer
    .pipe(z.number().min(1))
    .transform((size) => Math.min(size, MAX_PAGE_SIZE))
    .default(10),
  create_sort: flag.default(false),
}

export const CreateRepo = z.object({
  repo_name: text,
  enable: flag,
  internal_repo_address: text,
  external_repo_address: text,
  sync_granularity: choice({ 1: 'all', 2: 'one' }),
  sync_direction: choice({ 1: 'to_outer', 2: 'to_inter', 3: 'both' }),
  inter_token: optionalText,
  exter_token: optionalText,
})

export const UpdateAddresses = z.object({
  internal_repo_address: optionalText,
  external_repo_address: optionalText,
  inter_token: optionalText,
  exter_token: optionalText,
})

export const CreateBranch = z.object({
  enable: flag,
  internal_branch_name: text,
  external_branch_name: text,
})

export const SetEnabled = z.object({ enable: flag })
export const NoParameters = z.object({})
export const SyncRepo = z.object({ force_flag: flag.default(false) })
export const SyncBranch = z.object({
  sync_direct: choice({ 1: 'to_outer', 2: 'to_inter' }),
  force_flag: flag.default(false),
})
export const Paging = z.object(paging)

const MAX_LIST_ITEMS = 1000

/** `a,b` names two repositories, or one whose name has a comma. */
const repoNames = text.transform((names, context) => {
  const items = [...new Set([names, ...listItems(names)])]
  if (items.length <= MAX_LIST_ITEMS) return items
  context.addIssue('too many names')
  return z.NEVER
})

const branchIds = z.union([z.number(), z.string()]).transform((value, context) => {
  const ids = z
    .array(BranchBindingId)
    .max(MAX_LIST_ITEMS)
    .safeParse(listItems(String(value)))
  if (ids.success) return ids.data
  context.addIssue('value is not a list of ids')
  return z.NEVER
})

export const ListLogs = z.object({
  ...paging,
  repo_name: repoNames.nullish(),
  branch_id: branchIds.nullish(),
})

function listItems(list: string): readonly string[] {
  return list
    .split(',')
    .map((item) => item.trim())
    .filter((item) => item !== '')
}

export type SyncLogRow = {
  readonly id: number
  readonly branchId: number | null
  readonly repoName: string
  readonly commitId: string | null
  readonly direction: Direction
  readonly log: string
  readonly createdAt: number
  readonly updatedAt: number
}

export function bindingToRepo(binding: Binding) {
  return {
    enable: binding.enabled,
    repo_name: binding.name,
    internal_repo_address: binding.internal.address,
    external_repo_address: binding.external.address,
    sync_granularity: binding.granularity,
    sync_direction: binding.direction,
  }
}

export function bindingToListedRepo(binding: Binding) {
  return { id: binding.id, created_at: chinaTime(binding.createdAt), ...bindingToRepo(binding) }
}

export function branchToBranch(branch: BranchBinding) {
  return {
    id: branch.id,
    enable: branch.enabled,
    internal_branch_name: branch.internalBranch,
    external_branch_name: branch.externalBranch,
  }
}

export function branchToListedBranch(branch: BranchBinding) {
  return { created_at: chinaTime(branch.createdAt), ...branchToBranch(branch) }
}

export function syncLogToLog(row: SyncLogRow) {
  return {
    id: row.id,
    branch_id: row.branchId,
    repo_name: row.repoName,
    commit_id: row.commitId,
    sync_direct: row.direction,
    log: row.log,
    created_at: chinaTime(row.createdAt),
    update_at: chinaTime(row.updatedAt),
  }
}
