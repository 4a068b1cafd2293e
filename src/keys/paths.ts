import { type PeerId, toHex } from '../base/index.ts'

/** Where the ledger keeps what; see records.ts. */
export const paths = {
  key: (name: string): string => `key/${name}`,
  allKeys: 'key/',
  keyName: (keyId: Uint8Array): string => `key-name/${toHex(keyId)}`,
  version: (keyId: Uint8Array, version: number): string => `version/${toHex(keyId)}/${version}`,
  versions: (keyId: Uint8Array): string => `version/${toHex(keyId)}/`,
  replaced: (keyId: Uint8Array, version: number): string => `replaced/${toHex(keyId)}/${version}`,
  ceremony: (id: Uint8Array): string => `ceremony/${toHex(id)}`,
  deal: (ceremony: Uint8Array, place: number): string => `deal/${toHex(ceremony)}/${place}`,
  closed: (ceremony: Uint8Array): string => `closed/${toHex(ceremony)}`,
  conviction: (peerId: PeerId): string => `conviction/${peerId}`,
  sealing: (peerId: PeerId): string => `sealing/${peerId}`,
  retired: (keyId: Uint8Array, version: number): string => `retired/${toHex(keyId)}/${version}`,
  allRetired: 'retired/',
  audit: (peerId: PeerId): string => `audit/${peerId}`,
  auditLosses: (peerId: PeerId): string => `audit-losses/${peerId}`,
  openCeremonies: 'ceremony/',
  allVersions: 'version/',
  creations: 'creations',
  queuedCreations: 'creation/',
  creation: (number: number): string => `creation/${String(number).padStart(16, '0')}`,
  handoffs: 'handoff/',
  handoff: (urgency: string, keyId: Uint8Array, version: number): string =>
    `handoff/${urgency}/${toHex(keyId)}/${version}`,
  queued: (keyId: Uint8Array, version: number): string => `queued/${toHex(keyId)}/${version}`,
  sweep: 'sweep',
  failures: 'failures',
  randomness: (epoch: number): string => `randomness/${String(epoch).padStart(16, '0')}`,
  randomnesses: 'randomness/',
} as const
