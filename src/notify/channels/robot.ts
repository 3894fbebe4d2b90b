import { z } from 'zod'
import { MINUTE } from '../../clock.ts'
import type { OutgoingAnswer } from '../../outgoing.ts'
import { configRefused } from '../channel-error.ts'
import { outcomeOf, statusOutcome, unreachedOutcome } from './answer.ts'
import { addressOver, maskAddress, readGiven, secretOver } from './given.ts'
import { fitBytes } from './escape.ts'
import type { ChannelKind, Message, Outcome, Settings } from './kind.ts'

// The robots of chat services: an address with a token in it that takes JSON, made safe by a signature or by
// a word that every message must hold, and an answer 200 whose body tells what really happened.

export type Robot = {
  /** How it lets a message prove where it comes from. */
  readonly security: 'sign or keyword' | 'address only'
  readonly perMinute: number
  /** How long it takes nothing after it has had too many. */
  readonly limitedForMs: number
  /** Of the whole text. */
  readonly maxBytes: number
  readonly escape: (value: string) => string
  readonly compose: (text: RobotText, access: RobotAccess) => RobotRequest
  readonly judge: (answer: OutgoingAnswer, json: unknown) => Verdict | undefined
}

export type RobotText = Pick<Message, 'title' | 'content'>

export type RobotAccess = {
  readonly url: string
  /** Undefined: no signature is wanted. */
  readonly secret: string | undefined
  readonly now: number
}

type RobotRequest = { readonly url: string; readonly body: Readonly<Record<string, unknown>> }

/** What the body of an answer says, in the vendor's code and words. */
export type Verdict = { readonly kind: Outcome['kind']; readonly code: string | null; readonly words: string }

const Keywords = z
  .union([z.string(), z.array(z.string())])
  .transform((given) =>
    (typeof given === 'string' ? given.split(/[,，\n]/) : given)
      .map((word) => word.trim())
      .filter((word) => word !== ''),
  )
  .pipe(z.array(z.string().max(100)).max(10))

const Given = z.object({
  webhook: z.string().max(2000).optional(),
  webhook_url: z.string().max(2000).optional(),
  security_type: z.enum(['none', 'sign', 'keyword']).optional(),
  secret: z.string().max(500).optional(),
  sign: z.string().max(500).optional(),
  keywords: Keywords.optional(),
})

const Shown = z.object({
  security_type: z.enum(['none', 'sign', 'keyword']).default('none'),
  keywords: z.array(z.string()).default([]),
})

export function robotKind(robot: Robot): ChannelKind {
  return {
    perMinute: robot.perMinute,
    isForPeople: true,
    escape: robot.escape,
    configure: (given, stored) => configure(robot, given, stored),
    send: async ({ outgoing, clock, signal }, { shown, secrets }, message) => {
      const { security_type: security, keywords } = Shown.parse(shown)
      const access = {
        url: secrets['url'] ?? '',
        secret: security === 'sign' ? secrets['secret'] : undefined,
        now: clock.now(),
      }
      const text = withKeyword(message, security === 'keyword' ? keywords : [])
      const content = fitBytes(text.content, robot.maxBytes - Buffer.byteLength(text.title))
      const { url, body } = robot.compose({ ...text, content }, access)
      const request = { method: 'POST' as const, url, headers: {}, text: JSON.stringify(body) }
      const reached = await outgoing.request(request, signal)
      return reached.ok ? judge(robot, reached.value, clock.now()) : unreachedOutcome(reached)
    },
  }
}

function configure(
  { security }: Robot,
  given: Readonly<Record<string, unknown>>,
  stored: Settings | undefined,
): Settings {
  const read = readGiven(Given, given)
  const before = Shown.parse(stored?.shown ?? {})
  const url = addressOver('webhook', read.webhook ?? read.webhook_url, stored)
  if (security === 'address only') return { shown: { webhook: maskAddress(url) }, secrets: { url } }
  const secret = secretOver(read.secret ?? read.sign, stored?.secrets['secret'])
  const keywords = read.keywords ?? before.keywords
  const type = read.security_type ?? chosen(before.security_type, secret, keywords)
  if (type === 'sign' && secret === undefined) {
    throw configRefused('secret', {
      zh: '加签方式需要密钥',
      en: 'is missing, which security_type sign needs',
    })
  }
  if (type === 'keyword' && keywords.length === 0) {
    throw configRefused('keywords', {
      zh: '关键词方式需要关键词',
      en: 'is missing, which security_type keyword needs',
    })
  }
  return {
    shown: {
      webhook: maskAddress(url),
      security_type: type,
      keywords,
      has_secret: secret !== undefined,
    },
    secrets: { url, ...(secret === undefined ? {} : { secret }) },
  }
}

/** Nobody has to name what the rest of the configuration tells. */
function chosen(
  before: z.infer<typeof Shown>['security_type'],
  secret: string | undefined,
  keywords: readonly string[],
): z.infer<typeof Shown>['security_type'] {
  if (before === 'sign' ? secret !== undefined : before === 'keyword' && keywords.length > 0) return before
  if (secret !== undefined) return 'sign'
  return keywords.length > 0 ? 'keyword' : 'none'
}

function withKeyword({ title, content }: RobotText, keywords: readonly string[]): RobotText {
  const [first] = keywords
  const isHeld = keywords.some((word) => title.includes(word) || content.includes(word))
  return first === undefined || isHeld ? { title, content } : { title, content: `${first}\n${content}` }
}

function judge(robot: Robot, answer: OutgoingAnswer, now: number): Outcome {
  const verdict = robot.judge(answer, parseJson(answer.body))
  const byStatus = statusOutcome(answer, now, verdict?.words ?? '')
  const code = verdict?.code ?? null
  if (byStatus.kind !== 'delivered') {
    return byStatus.kind === 'limited' ? limited(robot, { ...byStatus, code }) : { ...byStatus, code }
  }
  if (verdict === undefined) {
    return outcomeOf('unavailable', 'the answer is not that of such a robot', { httpStatus: answer.status })
  }
  const outcome = { ...byStatus, kind: verdict.kind, words: verdict.words, code }
  return outcome.kind === 'limited' ? limited(robot, outcome) : outcome
}

function limited({ limitedForMs }: Robot, outcome: Outcome): Outcome {
  return { ...outcome, retryAfterMs: outcome.retryAfterMs ?? Math.max(limitedForMs, MINUTE) }
}

function parseJson(text: string | undefined): unknown {
  try {
    return text === undefined ? undefined : JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The verdict of a body `{<code>: 0, <words>: "ok"}`; undefined when it is none. */
export function codedVerdict(
  json: unknown,
  names: { readonly code: string; readonly words: string },
  codes: { readonly limited: readonly number[]; readonly busy: readonly number[] },
): Verdict | undefined {
  const read = z.record(z.string(), z.unknown()).safeParse(json)
  if (!read.success) return undefined
  const code = z.int().safeParse(read.data[names.code])
  if (!code.success) return undefined
  const words = z.string().catch('').parse(read.data[names.words])
  const kind =
    code.data === 0
      ? 'delivered'
      : codes.limited.includes(code.data)
        ? 'limited'
        : codes.busy.includes(code.data)
          ? 'unavailable'
          : 'refused'
  return { kind, code: String(code.data), words }
}
