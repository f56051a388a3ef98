#include "tilewise/simd/conv_shape.hpp"

#include <algorithm>
#include <initializer_list>

#include "tilewise/core/error.hpp"
#include "tilewise/core/shape.hpp"

namespace tilewise::simd {
namespace {

bool within(std::int64_t value, std::int64_t least) {
  return value >= least && value <= INT32_MAX;
}

bool has_valid_extents(const ConvShape& s) {
  const auto extents = {s.ic,       s.ih,       s.iw,         s.oc,        s.kh, s.kw,
                        s.stride_h, s.stride_w, s.dilation_h, s.dilation_w};
  return std::ranges::all_of(extents, [](std::int64_t extent) { return within(extent, 1); });
}

bool has_valid_padding(const ConvShape& s) {
  return within(s.pad_top, 0) && within(s.pad_left, 0) && within(s.pad_bottom, 1 - s.ih) &&
         within(s.pad_right, 1 - s.iw);
}

}  // namespace

void ConvShape::check() const {
  const auto fail = [&](const char* why) {
    throw ShapeError("convolution " + to_string() + ": " + why);
  };
  if (!has_valid_extents(*this)) fail("extents must be from 1 to 2^31 - 1");
  if (!has_valid_padding(*this)) {
    fail("padding must be from 0 to 2^31 - 1; at the bottom and right it may cut off all but one");
  }
  if ((kh - 1) * dilation_h >= padded_h() || (kw - 1) * dilation_w >= padded_w()) {
    fail("the window is larger than the padded image");
  }
  checked_product(checked_product(stored_h(), stored_w()), ic);
  checked_product(checked_product(oh(), ow()), oc);
  checked_product(checked_product(kh, kw), checked_product(ic, oc));
}

ConvShape ConvShape::joined() const {
  check();
  const bool rows_matter = kh != 1 || kw != 1 || stride_h != 1 || stride_w != 1 || padded() ||
                           pad_bottom < 0 || pad_right < 0;
  if (rows_matter) return *this;
  ConvShape shape = *this;
  shape.iw = ih * iw;
  shape.ih = 1;
  return shape;
}

std::string ConvShape::to_string() const {
  const auto field = [](const char* name, std::int64_t value) {
    return name + std::to_string(value);
  };
  std::string text = field("ic", ic) + field("ih", ih) + field("iw", iw) + field("oc", oc);
  // Of the shapes that check() rejects, some have no output size and some overflow on the way to it.
  if (has_valid_extents(*this) && has_valid_padding(*this)) {
    text += field("oh", oh()) + field("ow", ow());
  }
  text += field("kh", kh) + field("kw", kw);
  if (stride_h != 1 || stride_w != 1) text += field("sh", stride_h) + field("sw", stride_w);
  if (pad_top != 0 || pad_left != 0 || pad_bottom != 0 || pad_right != 0) {
    text += field("pt", pad_top) + field("pl", pad_left) + field("pb", pad_bottom) +
            field("pr", pad_right);
  }
  if (dilation_h != 1 || dilation_w != 1) text += field("dh", dilation_h) + field("dw", dilation_w);
  return text;
}

}  // namespace tilewise::simd
