import type { Socket } from 'node:net'
import { createTransport } from 'nodemailer'
import { z } from 'zod'
import { SECOND } from '../../clock.ts'
import { secretAgain } from '../channel-error.ts'
import { outcomeOf, unreachedOutcome } from './answer.ts'
import { escapePlain, toOneLine } from './escape.ts'
import { isKept, readGiven, secretOver } from './given.ts'
import type { ChannelKind, Message, Outcome, SendDeps, Settings } from './kind.ts'

// Mail over SMTP. Unless it is switched off there is TLS: from the start at port 465, by STARTTLS at any other,
// or as `tls_mode` says.

// A greeting alone may take long: some servers let strangers wait.
const LIMIT_MS = 20 * SECOND

const Address = z.string().regex(/^[^\s@<>,;:"\\\p{C}]{1,64}@[^\s@<>,;:"\\\p{C}]{1,255}$/u, {
  error: 'must hold mail addresses such as ops@example.com',
})
const Host = z
  .string()
  .regex(/^(?:[A-Za-z0-9.-]{1,253}|\[?[0-9a-fA-F:]+\]?)$/, 'must be a host name or address')
const Line = z.string().max(200).transform(toOneLine)

const TLS_MODES = ['auto', 'tls', 'starttls'] as const

const Given = z.object({
  smtp_host: Host.optional(),
  smtp_port: z.coerce.number().int().min(1).max(65_535).optional(),
  username: z.string().max(300).optional(),
  password: z.string().max(500).optional(),
  from_address: Address.optional(),
  from_name: Line.optional(),
  to_addresses: z
    .preprocess(
      (given) =>
        typeof given === 'string' ? given.split(/[,;\s]+/).filter((address) => address !== '') : given,
      z.array(Address).min(1).max(50),
    )
    .optional(),
  use_tls: z.boolean().optional(),
  tls_mode: z.enum(TLS_MODES).optional(),
})

const Shown = z.object({
  smtp_host: Host,
  smtp_port: z.number(),
  username: z.string(),
  from_address: Address,
  from_name: z.string(),
  to_addresses: z.array(Address),
  use_tls: z.boolean(),
  tls_mode: z.enum(TLS_MODES),
})
type Mailbox = z.infer<typeof Shown>

export const email: ChannelKind = {
  perMinute: 30,
  isForPeople: true,
  escape: escapePlain,
  configure: (given, stored) => {
    const { password: givenPassword, ...read } = readGiven(Given, given)
    const changed = Object.fromEntries(Object.entries(read).filter(([, value]) => value !== undefined))
    const shown = readGiven(Shown, {
      smtp_port: 465,
      username: '',
      from_name: 'reposync',
      use_tls: true,
      tls_mode: 'auto',
      ...stored?.shown,
      ...changed,
    })
    const password = secretOver(givenPassword, stored?.secrets['password'])
    const isMoved = stored?.shown['smtp_host'] !== shown.smtp_host
    if (isMoved && password !== undefined && isKept(givenPassword)) throw secretAgain('password')
    return {
      shown: { ...shown, has_password: password !== undefined },
      secrets: password === undefined ? {} : { password },
    }
  },
  send: async (deps, settings, message) => {
    const mailbox = Shown.parse(settings.shown)
    const { smtp_host: host, smtp_port: port } = mailbox
    const reached = await deps.outgoing.connect(host, port, LIMIT_MS, deps.signal)
    if (!reached.ok) return unreachedOutcome(reached)
    const limit = new AbortController()
    using _timer = deps.clock.after(LIMIT_MS, () => limit.abort())
    try {
      return await deliver(deps, { mailbox, settings, message, socket: reached.value, limit: limit.signal })
    } finally {
      reached.value.destroy()
    }
  },
}

async function deliver(
  { outgoing, signal }: SendDeps,
  mail: {
    readonly mailbox: Mailbox
    readonly settings: Settings
    readonly message: Message
    readonly socket: Socket
    readonly limit: AbortSignal
  },
): Promise<Outcome> {
  const { mailbox, settings, message, socket, limit } = mail
  const isSecureFromStart = mailbox.use_tls && isTlsFromStart(mailbox)
  const password = settings.secrets['password']
  const transport = createTransport({
    host: mailbox.smtp_host.replace(/^\[(.*)\]$/, '$1'),
    port: mailbox.smtp_port,
    secure: isSecureFromStart,
    requireTLS: mailbox.use_tls && !isSecureFromStart,
    ignoreTLS: !mailbox.use_tls,
    tls: { secureContext: outgoing.secureContext(mailbox.smtp_host) },
    getSocket: (_options, callback) => callback(null, { connection: socket }),
    ...(mailbox.username === '' || password === undefined
      ? {}
      : { auth: { user: mailbox.username, pass: password } }),
    disableFileAccess: true,
    disableUrlAccess: true,
  })
  try {
    const sent = await transport.sendMail({
      from: { name: mailbox.from_name, address: mailbox.from_address },
      to: mailbox.to_addresses,
      subject: toOneLine(message.title),
      text: message.content,
      // The same at every attempt: a mail that came twice shows once.
      messageId: `<${message.id}@reposync>`,
      headers: { 'auto-submitted': 'auto-generated' },
      signal: AbortSignal.any([signal, limit]),
    })
    const rejected = sent.rejected.map(String)
    const words =
      rejected.length === 0 ? sent.response : `${sent.response}; not taken for ${rejected.join(', ')}`
    return outcomeOf('delivered', words, { code: sent.response.slice(0, 3) })
  } catch (error) {
    return failureOf(error, mailbox, limit)
  } finally {
    transport.close()
  }
}

function isTlsFromStart({ tls_mode: mode, smtp_port: port }: Mailbox): boolean {
  return mode === 'auto' ? port === 465 : mode === 'tls'
}

const MailError = z.object({
  code: z.string().optional(),
  responseCode: z.number().optional(),
  response: z.string().optional(),
  permanent: z.boolean().optional(),
})

function failureOf(error: unknown, { smtp_host: host }: Mailbox, limit: AbortSignal): Outcome {
  if (limit.aborted) return outcomeOf('unavailable', `${host} took longer than ${LIMIT_MS} ms`)
  const { code = '', responseCode, response = '', permanent } = MailError.catch({}).parse(error)
  if (responseCode !== undefined) {
    return outcomeOf(permanent === true ? 'refused' : 'unavailable', response, { code: String(responseCode) })
  }
  // No answer of the server but something between it and us; its words are not for people.
  const isOurs = code === 'ETLS' || code === 'EAUTH' || code === 'ENOAUTH' || code === 'EENVELOPE'
  return outcomeOf(isOurs ? 'refused' : 'unavailable', `the mail could not be handed to ${host}`, {
    code: code === '' ? null : code,
  })
}
