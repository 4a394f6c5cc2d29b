// What can be ordered, as GET /styles tells it, from one of the providers.

/**
 * The offer of the provider *name*, with its own limits, subjects and styles (none: any text is
 * one); without a name, or of one that is not offered any more, that of the stack's own.
 */
export function offerOf(offer, name = offer.provider) {
  const provider = offer.providers.find((each) => each.name === name)
    ?? offer.providers.find((each) => each.name === offer.provider);
  const { least_photos, most_photos } = provider;
  return { ...offer, ...provider, limits: { ...offer.limits, least_photos, most_photos } };
}
