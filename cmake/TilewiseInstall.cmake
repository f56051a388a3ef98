# cmake --install: the library, its headers under <prefix>/include/tilewise, the command line, and
# what find_package(Tilewise) and pkg-config need.

include(CMakePackageConfigHelpers)

set(TILEWISE_CMAKE_DIR ${CMAKE_INSTALL_LIBDIR}/cmake/Tilewise)

install(TARGETS tilewise EXPORT TilewiseTargets
  ARCHIVE DESTINATION ${CMAKE_INSTALL_LIBDIR})
# simd/kernels holds the vector code, which only the units in simd/arch may include; train/json wants the
# JSON library, which users need not have.
install(DIRECTORY core simd layers train DESTINATION ${CMAKE_INSTALL_INCLUDEDIR}/tilewise
  FILES_MATCHING PATTERN "*.hpp"
  PATTERN "simd/kernels" EXCLUDE
  PATTERN "simd/arch" EXCLUDE
  PATTERN "train/json" EXCLUDE)
install(EXPORT TilewiseTargets NAMESPACE Tilewise:: DESTINATION ${TILEWISE_CMAKE_DIR})

configure_package_config_file(cmake/TilewiseConfig.cmake.in
  ${CMAKE_CURRENT_BINARY_DIR}/TilewiseConfig.cmake
  INSTALL_DESTINATION ${TILEWISE_CMAKE_DIR})
write_basic_package_version_file(${CMAKE_CURRENT_BINARY_DIR}/TilewiseConfigVersion.cmake
  COMPATIBILITY SameMinorVersion)
install(FILES
  ${CMAKE_CURRENT_BINARY_DIR}/TilewiseConfig.cmake
  ${CMAKE_CURRENT_BINARY_DIR}/TilewiseConfigVersion.cmake
  DESTINATION ${TILEWISE_CMAKE_DIR})

# Relative, because cmake --install may be given another prefix and packages are relocated.
file(RELATIVE_PATH TILEWISE_PC_PREFIX
  ${CMAKE_INSTALL_FULL_LIBDIR}/pkgconfig ${CMAKE_INSTALL_PREFIX})
configure_file(cmake/tilewise.pc.in ${CMAKE_CURRENT_BINARY_DIR}/tilewise.pc @ONLY)
install(FILES ${CMAKE_CURRENT_BINARY_DIR}/tilewise.pc
  DESTINATION ${CMAKE_INSTALL_LIBDIR}/pkgconfig)

if(TARGET tilewise_cli)
  install(TARGETS tilewise_cli RUNTIME DESTINATION ${CMAKE_INSTALL_BINDIR})
endif()
