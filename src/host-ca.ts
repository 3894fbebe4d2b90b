import { X509Certificate } from 'node:crypto'
import { readFileSync } from 'node:fs'
import type { Bundle } from './host-network.ts'
import { ConfigError } from './settings.ts'

const CERTIFICATE = /-----BEGIN CERTIFICATE-----[^-]*-----END CERTIFICATE-----/g

/** The certificates of a file that HOST_CA names. Throws a `ConfigError` when it cannot be used. */
export function readBundle(file: string): Bundle {
  const certificates = readText(file).match(CERTIFICATE) ?? []
  if (certificates.length === 0)
    throw new ConfigError(`HOST_CA names ${file}, which holds no certificate in PEM form.`)
  const broken = certificates.findIndex((certificate) => !isCertificate(certificate))
  if (broken !== -1) {
    throw new ConfigError(`HOST_CA names ${file}, whose certificate number ${broken + 1} cannot be read.`)
  }
  return { file, certificates }
}

function readText(file: string): string {
  try {
    return readFileSync(file, 'utf8')
  } catch (cause) {
    const code = cause instanceof Error && 'code' in cause ? ` (${String(cause.code)})` : ''
    throw new ConfigError(`HOST_CA names ${file}, which cannot be read${code}.`, { cause })
  }
}

function isCertificate(text: string): boolean {
  try {
    return new X509Certificate(text).raw.length > 0
  } catch {
    return false
  }
}
