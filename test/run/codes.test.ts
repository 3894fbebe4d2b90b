import { expect, test } from 'vitest'
import { canHeal, isHopeless, isHostTrouble, isRefusal } from '../../src/git/git-error.ts'
import type { GitErrorKind } from '../../src/git/git-error.ts'
import { outcomeCode } from '../../src/run/codes.ts'
import { CORPUS } from '../git/error-corpus.ts'

// What becomes of a run that fails so: it is tried again, waits for a person, or is the forge's last word.
type Fate = 'heals' | 'host heals' | 'hopeless' | 'refused' | 'refused, hopeless' | 'settled'

const KINDS: Readonly<Record<GitErrorKind, readonly [code: number, fate: Fate]>> = {
  ssh_key_rejected: [20001, 'hopeless'],
  host_key_changed: [20001, 'hopeless'],
  host_key_unknown: [20001, 'hopeless'],
  not_found: [20002, 'hopeless'],
  redirected: [20002, 'hopeless'],
  not_git: [20002, 'heals'],
  dns: [20003, 'host heals'],
  unreachable: [20004, 'host heals'],
  stalled: [20004, 'host heals'],
  timed_out: [20004, 'host heals'],
  rate_limited: [20004, 'host heals'],
  server_error: [20004, 'host heals'],
  auth: [20005, 'hopeless'],
  forbidden: [20005, 'refused, hopeless'],
  local_permission: [20006, 'settled'],
  mirror_damaged: [20008, 'heals'],
  ref_missing: [20009, 'settled'],
  non_fast_forward: [20010, 'settled'],
  tag_moved: [20010, 'settled'],
  moved_meanwhile: [20010, 'heals'],
  protected: [20011, 'refused'],
  hook_declined: [20011, 'refused'],
  unknown: [20012, 'heals'],
  secret_unreadable: [20012, 'settled'],
  canceled: [20100, 'settled'],
  address_denied: [20101, 'hopeless'],
  disk_full: [20102, 'heals'],
  unrelated: [20103, 'settled'],
  workflow_scope: [20104, 'refused'],
  secret_found: [20105, 'refused'],
  email_private: [20106, 'refused'],
  author_refused: [20107, 'refused'],
  lfs_missing: [20108, 'refused'],
  lfs_unavailable: [20128, 'settled'],
  quota_exceeded: [20109, 'refused'],
  read_only: [20110, 'hopeless'],
  name_taken: [20111, 'settled'],
  ref_ambiguous: [20111, 'settled'],
  name_refused: [20112, 'refused'],
  too_many_refs: [20113, 'refused'],
  too_large: [20114, 'refused'],
  object_format: [20115, 'hopeless'],
  bad_objects: [20116, 'settled'],
  shallow: [20117, 'settled'],
  tls: [20118, 'hopeless'],
  ssh_outdated: [20119, 'hopeless'],
  proxy: [20120, 'host heals'],
  sso_required: [20121, 'hopeless'],
  ip_refused: [20122, 'hopeless'],
  blocked: [20123, 'hopeless'],
  out_of_memory: [20124, 'heals'],
  mirror_busy: [20125, 'heals'],
  deletion_conflict: [20010, 'settled'],
  held: [20126, 'settled'],
  backup_missing: [20127, 'settled'],
}
const ALL = Object.keys(KINDS).filter((kind): kind is GitErrorKind => Object.hasOwn(KINDS, kind))

test.each(ALL)('%s has its number, a cause, and advice in both languages', (kind) => {
  const { code, message, hint } = outcomeCode(kind)

  expect(code).toBe(KINDS[kind][0])
  expect(message).not.toBe('')
  expect(hint.zh).toMatch(/[\u4e00-\u9fff]/)
  expect(hint.en).toMatch(/^[ -~]+$|设置/)
  expect(hint.en).not.toBe(hint.zh)
})

test.each(ALL)('%s is tried again, given up or left as it is, and the advice says so', (kind) => {
  const traits = [
    isRefusal(kind) ? 'refused' : undefined,
    isHopeless(kind) ? 'hopeless' : undefined,
    isHostTrouble(kind) ? 'host heals' : canHeal(kind) ? 'heals' : undefined,
  ].filter((trait) => trait !== undefined)

  const { hint } = outcomeCode(kind)

  expect(traits.join(', ') || 'settled').toBe(KINDS[kind][1])
  expect(hint.zh.includes('自动重试')).toBe(canHeal(kind))
  expect(hint.en.includes('tried again')).toBe(canHeal(kind))
  expect(hint.en.includes('cannot succeed before')).toBe(isHopeless(kind))
})

test('only the numbers that are documented or ours are used, and ours each for one cause', () => {
  const codes = ALL.map((kind) => outcomeCode(kind))
  const ours = codes.filter(({ code }) => code >= 20100)

  expect(codes.filter(({ code }) => code < 20001 || (code > 20012 && code < 20100))).toEqual([])
  expect(new Set(ours.map(({ message }) => message)).size).toBe(new Set(ours.map(({ code }) => code)).size)
})

test('whatever git can print about was seen somewhere', () => {
  // These are what the service itself finds out.
  const ownFindings: readonly GitErrorKind[] = [
    'timed_out',
    'ref_ambiguous',
    'canceled',
    'deletion_conflict',
    'held',
    'backup_missing',
    'lfs_unavailable',
    'secret_unreadable',
  ]

  const seen = new Set(CORPUS.map(({ kind }) => kind))

  expect(CORPUS.length).toBeGreaterThanOrEqual(150)
  expect(ALL.filter((kind) => !seen.has(kind))).toEqual(expect.arrayContaining([...ownFindings]))
  expect([...seen, ...ownFindings].toSorted()).toEqual(ALL.toSorted())
})
