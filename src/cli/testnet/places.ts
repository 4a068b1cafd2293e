import type { Location } from '../../wire/index.ts'

/** Where testnet nodes pretend to stand, in the order in which regions are used. */
const PLACES: readonly Location[] = [
  { region: 'eu-west', latitude: 50.11, longitude: 8.68 },
  { region: 'us-east', latitude: 39.04, longitude: -77.49 },
  { region: 'ap-south', latitude: 19.08, longitude: 72.88 },
  { region: 'sa-east', latitude: -23.55, longitude: -46.63 },
  { region: 'ap-northeast', latitude: 35.68, longitude: 139.69 },
  { region: 'af-south', latitude: -33.92, longitude: 18.42 },
  { region: 'ca-central', latitude: 45.5, longitude: -73.57 },
  { region: 'au-east', latitude: -33.87, longitude: 151.21 },
]

export const MAX_REGIONS: number = PLACES.length

/** The place of the node at `index` among `regions` regions. */
export function placeOf(index: number, regions: number): Location {
  return PLACES[index % Math.min(regions, PLACES.length)]!
}

/** A place in a region of the user's own choice; unknown regions lie nowhere in particular. */
export function placeIn(region: string): Location {
  return PLACES.find(place => place.region === region) ?? { region, latitude: 0, longitude: 0 }
}
